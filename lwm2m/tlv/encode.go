package tlv

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Options choose among the legal forms; the zero value is the shortest one, with 8 bytes for a Float.
type Options struct {
	// Wrap puts an Object Instance around the resources also where the request names the instance,
	// which makes it optional.
	Wrap bool
	// WrapInstance puts a Multiple Resource around a resource instance that the request names.
	WrapInstance bool
	// SingleFloats writes a Float with 4 bytes where that loses nothing.
	SingleFloats bool
	// WideIntegers writes every Integer, Unsigned Integer and Time with 8 bytes.
	WideIntegers bool
	// WideHeaders writes identifiers with 16 bits and lengths in a field of 3 bytes.
	WideHeaders bool
}

// Encode writes the tree as the payload of a request on base, or of its answer: elements in the order
// of the tree, resources of one instance together. Instance 65535 at object level is written without
// an Object Instance, as a Create that leaves the id to the client. The error is for a tree that TLV
// cannot hold: it has no object, no history of values, and no path twice.
func Encode(tree lwm2m.Tree, base lwm2m.Path, o Options) ([]byte, error) {
	for _, n := range tree.Nodes {
		switch {
		case !base.Contains(n.Path):
			return nil, fmt.Errorf("TLV cannot hold %s in the payload for %s", n.Path, base)
		case n.Time != nil:
			return nil, fmt.Errorf("TLV cannot hold the time of %s", n.Path)
		}
	}
	e := encoder{o: o, b: make([]byte, 0, 16*len(tree.Nodes))}
	var err error
	switch base.Level() {
	case lwm2m.LevelRoot:
		err = fmt.Errorf("TLV names no object, so it cannot hold the payload for a request without a path")
	case lwm2m.LevelObject:
		err = e.object(base, tree.Nodes)
	case lwm2m.LevelInstance:
		err = e.instance(base, tree.Nodes, o.Wrap)
	case lwm2m.LevelResource:
		err = e.resource(base, tree.Nodes)
	case lwm2m.LevelResourceInstance:
		err = e.resourceInstance(base, tree.Nodes)
	}
	if err != nil {
		return nil, err
	}
	return e.b, nil
}

type encoder struct {
	o Options
	b []byte
}

func (e *encoder) object(p lwm2m.Path, nodes []lwm2m.Node) error {
	instances := split(nodes, lwm2m.LevelInstance)
	for _, in := range instances {
		instance := in[0].Path.Truncate(lwm2m.LevelInstance)
		if instance == p {
			if err := empty(in); err != nil {
				return err
			}
			continue
		}
		bare := instance.Instance() == lwm2m.MaxID
		if bare && len(instances) > 1 {
			return fmt.Errorf("TLV cannot hold resources without an instance beside instances of %s", p)
		}
		if err := e.instance(instance, in, !bare); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) instance(p lwm2m.Path, nodes []lwm2m.Node, wrap bool) error {
	start := len(e.b)
	for _, r := range split(nodes, lwm2m.LevelResource) {
		resource := r[0].Path.Truncate(lwm2m.LevelResource)
		if resource == p {
			if err := empty(r); err != nil {
				return err
			}
			continue
		}
		if err := e.resource(resource, r); err != nil {
			return err
		}
	}
	if !wrap {
		return nil
	}
	return e.head(start, objectInstance, p)
}

// resource writes the value at p as a Resource, else what lies below it, or nothing, as a Multiple
// Resource.
func (e *encoder) resource(p lwm2m.Path, nodes []lwm2m.Node) error {
	start := len(e.b)
	single := false
	for _, n := range nodes {
		switch {
		case n.Path == p && n.Value.Type() == lwm2m.None:
			continue
		case n.Path == p && !single && len(e.b) == start:
			single = true
			if err := e.value(n); err != nil {
				return err
			}
			if err := e.head(start, resource, p); err != nil {
				return err
			}
			continue
		case n.Path == p || single:
			return fmt.Errorf("%s has more than one value", p)
		}
		at := len(e.b)
		if err := e.value(n); err != nil {
			return err
		}
		if err := e.head(at, resourceInstance, n.Path); err != nil {
			return err
		}
	}
	if single {
		return nil
	}
	if err := distinct(nodes); err != nil {
		return err
	}
	return e.head(start, multipleResource, p)
}

func (e *encoder) resourceInstance(p lwm2m.Path, nodes []lwm2m.Node) error {
	if len(nodes) != 1 {
		return fmt.Errorf("%s has one value, there are %d", p, len(nodes))
	}
	if err := e.value(nodes[0]); err != nil {
		return err
	}
	err := e.head(0, resourceInstance, p)
	if err == nil && e.o.WrapInstance {
		err = e.head(0, multipleResource, p.Parent())
	}
	return err
}

// head puts the header in front of what was written since start.
func (e *encoder) head(start int, k kind, p lwm2m.Path) error {
	n := len(e.b) - start
	if n > maxLength {
		return fmt.Errorf("%s has %d bytes, TLV can hold %d", p, n, maxLength)
	}
	id := lastID(p)
	t, width := byte(k)<<6, lengthWidth(n)
	if e.o.WideHeaders {
		width = 3
	}
	var h [6]byte
	size := 1
	if id > 255 || e.o.WideHeaders {
		t |= wideID
		h[size] = byte(id >> 8)
		size++
	}
	h[size] = byte(id)
	size++
	if width == 0 {
		t |= byte(n)
	}
	h[0] = t | byte(width)<<3
	for i := width - 1; i >= 0; i-- {
		h[size] = byte(n >> (8 * i))
		size++
	}
	e.b = append(e.b, h[:size]...)
	copy(e.b[start+size:], e.b[start:start+n])
	copy(e.b[start:], h[:size])
	return nil
}

func lastID(p lwm2m.Path) uint16 {
	switch p.Level() {
	case lwm2m.LevelInstance:
		return p.Instance()
	case lwm2m.LevelResource:
		return p.Resource()
	}
	return p.ResourceInstance()
}

func (e *encoder) value(n lwm2m.Node) error {
	v := n.Value
	switch v.Type() {
	case lwm2m.String, lwm2m.CoreLink:
		e.b = append(e.b, v.Text()...)
	case lwm2m.Opaque:
		e.b = append(e.b, v.Bytes()...)
	case lwm2m.Integer, lwm2m.Time:
		e.integer(uint64(v.Int()), signedWidth(v.Int()))
	case lwm2m.Unsigned:
		e.integer(v.Uint(), unsignedWidth(v.Uint()))
	case lwm2m.Float:
		f := v.Float()
		if s := float32(f); e.o.SingleFloats && (float64(s) == f || math.IsNaN(f)) {
			e.b = binary.BigEndian.AppendUint32(e.b, math.Float32bits(s))
		} else {
			e.b = binary.BigEndian.AppendUint64(e.b, math.Float64bits(f))
		}
	case lwm2m.Boolean:
		var b byte
		if v.Bool() {
			b = 1
		}
		e.b = append(e.b, b)
	case lwm2m.ObjectLink:
		object, instance := v.Link()
		e.b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(e.b, object), instance)
	case lwm2m.Unknown, lwm2m.None:
		return fmt.Errorf("TLV cannot hold %s without a value", n.Path)
	}
	return nil
}

// integer writes the low bytes of u.
func (e *encoder) integer(u uint64, width int) {
	if e.o.WideIntegers {
		width = 8
	}
	for i := width - 1; i >= 0; i-- {
		e.b = append(e.b, byte(u>>(8*i)))
	}
}

// split divides nodes by their path down to a level, in the order in which each path first comes.
func split(nodes []lwm2m.Node, l lwm2m.Level) [][]lwm2m.Node {
	var out [][]lwm2m.Node
	ascend := true
	var last lwm2m.Path
	for i, start := 0, 0; i < len(nodes); i++ {
		p := nodes[i].Path.Truncate(l)
		if i > 0 && p == last {
			out[len(out)-1] = nodes[start : i+1]
			continue
		}
		ascend = ascend && (i == 0 || last.Compare(p) < 0)
		last, start = p, i
		out = append(out, nodes[i:i+1])
	}
	if ascend {
		return out
	}
	return merge(out, l)
}

// merge joins runs of the same path.
func merge(runs [][]lwm2m.Node, l lwm2m.Level) [][]lwm2m.Node {
	at := make(map[lwm2m.Path]int, len(runs))
	var out [][]lwm2m.Node
	for _, run := range runs {
		p := run[0].Path.Truncate(l)
		i, seen := at[p]
		if !seen {
			at[p] = len(out)
			out = append(out, run)
			continue
		}
		out[i] = append(out[i][:len(out[i]):len(out[i])], run...)
	}
	return out
}

// empty refuses values above resource level.
func empty(nodes []lwm2m.Node) error {
	for _, n := range nodes {
		if n.Value.Type() != lwm2m.None {
			return fmt.Errorf("TLV cannot hold a value at %s, which is an %s", n.Path, n.Path.Level())
		}
	}
	return nil
}

// distinct refuses resource instances that come twice.
func distinct(nodes []lwm2m.Node) error {
	for _, run := range split(nodes, lwm2m.LevelResourceInstance) {
		if len(run) > 1 && run[0].Value.Type() != lwm2m.None {
			return fmt.Errorf("%s has more than one value", run[0].Path)
		}
	}
	return nil
}
