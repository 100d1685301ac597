package senml

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/cbor/scan"
)

// Split says how a path is divided into base name and name, all of which mean the same.
type Split uint8

// The divisions that stacks use.
const (
	BasePath  Split = iota // bn is the request's path, n the rest: [{"bn":"/3/0/","n":"0",…},{"n":"1",…}]
	FullNames              // no bn: [{"n":"/3/0/0",…}]
	FullBases              // bn is the whole path of each record, no n
)

// Options choose among the legal forms.
type Options struct {
	Split Split
	// Indefinite writes CBOR arrays and maps of indefinite length.
	Indefinite bool
}

// named is a node with the names it is written under.
type named struct {
	lwm2m.Node
	bn, n string
}

func names(tree lwm2m.Tree, base lwm2m.Path, s Split) []named {
	prefix := base.String()
	if base.Len() > 0 {
		prefix += "/"
	}
	out := make([]named, 0, len(tree.Nodes))
	last := ""
	for _, node := range tree.Nodes {
		x := named{Node: node}
		full := node.Path.String()
		switch {
		case s == FullNames:
			x.n = full
		case s == FullBases || node.Path == base:
			x.bn = full
			last = full
		default:
			bn := prefix
			if !strings.HasPrefix(full, prefix) {
				bn = "/"
			}
			x.n = strings.TrimPrefix(full, bn)
			if bn != last {
				x.bn = bn
				last = bn
			}
		}
		out = append(out, x)
	}
	return out
}

// skipped are nodes that SenML has no record for: an object or instance without values.
func skipped(n lwm2m.Node, list bool) bool {
	return !list && n.Value.Type() == lwm2m.None && n.Path.Level() < lwm2m.LevelResourceInstance
}

// EncodeJSON writes a tree as SenML JSON. A list writes names alone, for a composite request; else a
// node without value is a null, which only ETCH has.
func EncodeJSON(tree lwm2m.Tree, base lwm2m.Path, list bool, o Options) ([]byte, error) {
	var b strings.Builder
	b.WriteByte('[')
	first := true
	for _, x := range names(tree, base, o.Split) {
		if skipped(x.Node, list) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := x.json(&b, list); err != nil {
			return nil, err
		}
	}
	b.WriteByte(']')
	return []byte(b.String()), nil
}

func (x named) json(b *strings.Builder, list bool) error {
	var fields []string
	add := func(label, value string) { fields = append(fields, strconv.Quote(label)+":"+value) }
	if x.bn != "" {
		add("bn", strconv.Quote(x.bn))
	}
	if x.n != "" {
		add("n", strconv.Quote(x.n))
	}
	if x.Time != nil {
		add("t", strconv.FormatFloat(*x.Time, 'f', -1, 64))
	}
	if !list {
		label, value, err := jsonValue(x.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", x.Path, err)
		}
		add(label, value)
	}
	b.WriteString("{" + strings.Join(fields, ",") + "}")
	return nil
}

func jsonValue(v lwm2m.Value) (label, value string, err error) {
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	switch v.Type() {
	case lwm2m.String, lwm2m.CoreLink:
		var sb strings.Builder
		e := json.NewEncoder(&sb)
		e.SetEscapeHTML(false)
		err = e.Encode(v.Text())
		return "vs", strings.TrimSuffix(sb.String(), "\n"), err
	case lwm2m.Integer, lwm2m.Time:
		return "v", strconv.FormatInt(v.Int(), 10), nil
	case lwm2m.Unsigned:
		return "v", strconv.FormatUint(v.Uint(), 10), nil
	case lwm2m.Float:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return "", "", fmt.Errorf("JSON cannot write %v", f)
		}
		b, err := json.Marshal(v.Float())
		return "v", string(b), err
	case lwm2m.Boolean:
		return "vb", strconv.FormatBool(v.Bool()), nil
	case lwm2m.Opaque:
		return "vd", quoted(base64.RawURLEncoding.EncodeToString(v.Bytes())), nil
	case lwm2m.ObjectLink:
		return "vlo", quoted(v.String()), nil
	case lwm2m.None:
		return "v", "null", nil
	case lwm2m.Unknown:
	}
	return "", "", fmt.Errorf("a value of type %s cannot be written in SenML", v.Type())
}

// EncodeCBOR writes a tree as SenML CBOR; see EncodeJSON.
func EncodeCBOR(tree lwm2m.Tree, base lwm2m.Path, list bool, o Options) ([]byte, error) {
	var body []byte
	n := uint64(0)
	for _, x := range names(tree, base, o.Split) {
		if skipped(x.Node, list) {
			continue
		}
		r, err := x.cbor(list, o.Indefinite)
		if err != nil {
			return nil, err
		}
		body = append(body, r...)
		n++
	}
	if o.Indefinite {
		return append(append([]byte{0x9f}, body...), 0xff), nil
	}
	return append(scan.Head(nil, 4, n), body...), nil
}

func (x named) cbor(list, indefinite bool) ([]byte, error) {
	var b []byte
	n := uint64(0)
	text := func(s string) { b = append(scan.Head(b, 3, uint64(len(s))), s...) }
	if x.bn != "" {
		b = append(b, 0x21)
		text(x.bn)
		n++
	}
	if x.n != "" {
		b = append(b, 0x00)
		text(x.n)
		n++
	}
	if x.Time != nil {
		b = append(b, 0x06)
		b = appendFloat(b, *x.Time)
		n++
	}
	if !list {
		v, err := appendValue(b, x.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.Path, err)
		}
		b = v
		n++
	}
	if indefinite {
		return append(append([]byte{0xbf}, b...), 0xff), nil
	}
	return append(scan.Head(nil, 5, n), b...), nil
}

func appendValue(b []byte, v lwm2m.Value) ([]byte, error) {
	switch v.Type() {
	case lwm2m.String, lwm2m.CoreLink:
		b = scan.Head(append(b, 0x03), 3, uint64(len(v.Text())))
		return append(b, v.Text()...), nil
	case lwm2m.Integer, lwm2m.Time:
		if i := v.Int(); i < 0 {
			return scan.Head(append(b, 0x02), 1, uint64(-1-i)), nil
		}
		return scan.Head(append(b, 0x02), 0, uint64(v.Int())), nil
	case lwm2m.Unsigned:
		return scan.Head(append(b, 0x02), 0, v.Uint()), nil
	case lwm2m.Float:
		return appendFloat(append(b, 0x02), v.Float()), nil
	case lwm2m.Boolean:
		if v.Bool() {
			return append(b, 0x04, 0xf5), nil
		}
		return append(b, 0x04, 0xf4), nil
	case lwm2m.Opaque:
		b = scan.Head(append(b, 0x08), 2, uint64(len(v.Bytes())))
		return append(b, v.Bytes()...), nil
	case lwm2m.ObjectLink:
		b = append(b, 0x63, 'v', 'l', 'o')
		b = scan.Head(b, 3, uint64(len(v.String())))
		return append(b, v.String()...), nil
	case lwm2m.None:
		return append(b, 0x02, 0xf6), nil
	case lwm2m.Unknown:
	}
	return nil, fmt.Errorf("a value of type %s cannot be written in SenML", v.Type())
}

// appendFloat writes the shorter of single and double precision that loses nothing.
func appendFloat(b []byte, f float64) []byte {
	if s := float32(f); float64(s) == f || math.IsNaN(f) {
		u := math.Float32bits(s)
		return append(b, 0xfa, byte(u>>24), byte(u>>16), byte(u>>8), byte(u))
	}
	u := math.Float64bits(f)
	return append(b, 0xfb, byte(u>>56), byte(u>>48), byte(u>>40), byte(u>>32), byte(u>>24), byte(u>>16), byte(u>>8), byte(u))
}
