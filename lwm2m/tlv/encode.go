package tlv

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Options choose among the legal forms.
type Options struct {
	// Wrap puts an Object Instance element around the resources also where the request names the
	// instance (optional there, Core 7.4.3).
	Wrap bool
}

// Encode writes the tree as the payload of a request on base, or of its answer: shortest form, elements
// in the order of the tree, resources of one instance together.
func Encode(tree lwm2m.Tree, base lwm2m.Path, o Options) ([]byte, error) {
	g := group(tree.Nodes)
	switch base.Level() {
	case lwm2m.LevelObject:
		return g.object(base)
	case lwm2m.LevelInstance:
		body, err := g.instance(base)
		if err != nil || !o.Wrap {
			return body, err
		}
		return appendElement(nil, objectInstance, base.Instance(), body), nil
	case lwm2m.LevelResource:
		return g.resource(base)
	case lwm2m.LevelResourceInstance:
		return g.value(resourceInstance, base)
	case lwm2m.LevelRoot:
	}
	return nil, fmt.Errorf("TLV cannot hold the payload of a request on %s: it names no object", base)
}

// grouped orders the nodes as a hierarchy, in the order of first appearance.
type grouped struct {
	children map[lwm2m.Path][]lwm2m.Path
	values   map[lwm2m.Path]lwm2m.Value
}

func group(nodes []lwm2m.Node) grouped {
	g := grouped{map[lwm2m.Path][]lwm2m.Path{}, map[lwm2m.Path]lwm2m.Value{}}
	known := map[lwm2m.Path]bool{}
	for _, n := range nodes {
		g.values[n.Path] = n.Value
		for p := n.Path; p.Len() > 1 && !known[p]; p = p.Parent() {
			known[p] = true
			g.children[p.Parent()] = append(g.children[p.Parent()], p)
		}
	}
	return g
}

func (g grouped) object(p lwm2m.Path) ([]byte, error) {
	var out []byte
	for _, i := range g.children[p] {
		body, err := g.instance(i)
		if err != nil {
			return nil, err
		}
		out = appendElement(out, objectInstance, i.Instance(), body)
	}
	return out, nil
}

func (g grouped) instance(p lwm2m.Path) ([]byte, error) {
	var out []byte
	for _, r := range g.children[p] {
		b, err := g.resource(r)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

func (g grouped) resource(p lwm2m.Path) ([]byte, error) {
	v, has := g.values[p]
	if has && v.Type() != lwm2m.None {
		return g.value(resource, p)
	}
	var inner []byte
	for _, i := range g.children[p] {
		b, err := g.value(resourceInstance, i)
		if err != nil {
			return nil, err
		}
		inner = append(inner, b...)
	}
	return appendElement(nil, multipleResource, p.Resource(), inner), nil
}

func (g grouped) value(k kind, p lwm2m.Path) ([]byte, error) {
	v, ok := g.values[p]
	if !ok {
		return nil, fmt.Errorf("there is no value for %s", p)
	}
	b, err := EncodeValue(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	return appendElement(nil, k, p.IDs()[p.Len()-1], b), nil
}

// EncodeValue writes one value in its shortest form; a Float that fits 32 bits without loss takes 4
// bytes.
func EncodeValue(v lwm2m.Value) ([]byte, error) {
	switch v.Type() {
	case lwm2m.String, lwm2m.CoreLink:
		return []byte(v.Text()), nil
	case lwm2m.Integer, lwm2m.Time:
		return encodeSigned(v.Int()), nil
	case lwm2m.Unsigned:
		return encodeUnsigned(v.Uint()), nil
	case lwm2m.Float:
		f := v.Float()
		if s := float32(f); float64(s) == f || math.IsNaN(f) {
			return binary.BigEndian.AppendUint32(nil, math.Float32bits(s)), nil
		}
		return binary.BigEndian.AppendUint64(nil, math.Float64bits(f)), nil
	case lwm2m.Boolean:
		if v.Bool() {
			return []byte{1}, nil
		}
		return []byte{0}, nil
	case lwm2m.Opaque:
		return v.Bytes(), nil
	case lwm2m.ObjectLink:
		o, i := v.Link()
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, o), i), nil
	case lwm2m.Unknown, lwm2m.None:
	}
	return nil, fmt.Errorf("a value of type %s cannot be written in TLV", v.Type())
}

func appendElement(b []byte, k kind, id uint16, value []byte) []byte {
	t := byte(k) << 6
	if id > 255 {
		t |= 0x20
	}
	n := len(value)
	w := lengthWidth(n)
	if w == 0 {
		t |= byte(n)
	} else {
		t |= byte(w) << 3
	}
	b = append(b, t)
	if id > 255 {
		b = append(b, byte(id>>8))
	}
	b = append(b, byte(id))
	for i := w - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return append(b, value...)
}
