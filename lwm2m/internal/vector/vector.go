// Package vector holds the payload codecs against tables of bytes and what they mean, which stand as
// JSON beside the tests of each format. Nothing but tests imports it.
package vector

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Vector is one payload and what a decoder has to make of it.
type Vector struct {
	Name     string
	Path     string            // the request's
	Method   string            // the request's, where it matters
	Hex      *string           // the payload, in one of two spellings
	Text     *string           //
	Model    map[string]string // types of resources beside those of the nodes; "*" before one that is multiple
	Nodes    []Node            // what is read; for an invalid vector without them anything may be
	Valid    bool              // no MUST is broken
	Lenient  bool              // invalid, but the nodes are read
	Doubtful bool              // invalid by one reading only: findings, but none of level MUST
	Rules    []string          // of all findings, sorted, each once
	Encode   string            // "exact" when the nodes are written as these bytes, else a variant's name, "" when not
}

// Node is a node with its value spelled as JSON: Opaque in hex, a link as "1:2", numbers that JSON
// does not hold as text.
type Node struct {
	Path, Prefix, Type string
	Value              any
}

// Load reads a table.
func Load(t testing.TB, file string) []Vector {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vs []Vector
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&vs); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return vs
}

// Payload is the bytes of the vector.
func (v Vector) Payload(t testing.TB) []byte {
	t.Helper()
	if v.Text != nil {
		return []byte(*v.Text)
	}
	b, err := hex.DecodeString(*v.Hex)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return b
}

// Context is the vector's request and model.
func (v Vector) Context(t testing.TB) lwm2m.DecodeContext {
	t.Helper()
	type resource struct {
		t        lwm2m.Type
		multiple bool
	}
	model := map[lwm2m.Path]resource{}
	put := func(path, name string) {
		name, starred := strings.CutPrefix(name, "*")
		p := parsePath(t, path)
		typ, err := lwm2m.ParseType(name)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if p.Level() >= lwm2m.LevelResource {
			model[p.Truncate(lwm2m.LevelResource)] = resource{typ, starred || p.Level() == lwm2m.LevelResourceInstance}
		}
	}
	for _, n := range v.Nodes {
		if n.Type != "none" {
			put(n.Path, n.Type)
		}
	}
	for p, name := range v.Model {
		put(p, name)
	}
	return lwm2m.DecodeContext{Base: parsePath(t, v.Path), Method: v.Method, Types: func(p lwm2m.Path) (lwm2m.Type, bool, bool) {
		r, known := model[p.Truncate(lwm2m.LevelResource)]
		return r.t, r.multiple, known
	}}
}

// Tree is the nodes as a tree.
func (v Vector) Tree(t testing.TB) lwm2m.Tree {
	t.Helper()
	var tree lwm2m.Tree
	for _, n := range v.Nodes {
		val, err := n.value()
		if err != nil {
			t.Fatalf("%s: %s: %v", v.Name, n.Path, err)
		}
		tree.Nodes = append(tree.Nodes, lwm2m.Node{Path: parsePath(t, n.Path), Prefix: n.Prefix, Value: val, Offset: -1})
	}
	return tree
}

// parsePath reads a path that may hold 65535, which requests for tests do.
func parsePath(t testing.TB, s string) lwm2m.Path {
	t.Helper()
	var ids []uint16
	for seg := range strings.SplitSeq(strings.Trim(s, "/"), "/") {
		if seg == "" {
			continue
		}
		id, err := strconv.ParseUint(seg, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, uint16(id))
	}
	return lwm2m.NewPath(ids...)
}

func (n Node) value() (lwm2m.Value, error) {
	typ, err := lwm2m.ParseType(n.Type)
	if err != nil {
		return lwm2m.Value{}, err
	}
	s := fmt.Sprint(n.Value)
	switch typ {
	case lwm2m.None:
		return lwm2m.NoValue, nil
	case lwm2m.String:
		return lwm2m.StringValue(s), nil
	case lwm2m.CoreLink:
		return lwm2m.CoreLinkValue(s), nil
	case lwm2m.Integer, lwm2m.Time:
		i, err := strconv.ParseInt(s, 10, 64)
		if typ == lwm2m.Time {
			return lwm2m.TimeValue(i), err
		}
		return lwm2m.IntegerValue(i), err
	case lwm2m.Unsigned:
		u, err := strconv.ParseUint(s, 10, 64)
		return lwm2m.UnsignedValue(u), err
	case lwm2m.Float:
		f, err := strconv.ParseFloat(s, 64)
		return lwm2m.FloatValue(f), err
	case lwm2m.Boolean:
		b, err := strconv.ParseBool(s)
		return lwm2m.BooleanValue(b), err
	case lwm2m.Opaque:
		b, err := hex.DecodeString(s)
		return lwm2m.OpaqueValue(b), err
	case lwm2m.ObjectLink:
		var object, instance uint16
		_, err := fmt.Sscanf(s, "%d:%d", &object, &instance)
		return lwm2m.ObjectLinkValue(object, instance), err
	case lwm2m.Unknown:
	}
	return lwm2m.Value{}, fmt.Errorf("no value of type %s", typ)
}

// Decoder is the Decode of a format.
type Decoder func([]byte, lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding)

// Encoder is the Encode of a format in the variant a vector asks for.
type Encoder func(tree lwm2m.Tree, base lwm2m.Path, variant string) ([]byte, error)

// Run holds a codec against a table.
func Run(t *testing.T, file string, decode Decoder, encode Encoder) {
	for _, v := range Load(t, file) {
		t.Run(v.Name, func(t *testing.T) {
			v.decode(t, decode)
			if v.Encode == "" {
				return
			}
			got, err := encode(v.Tree(t), v.Context(t).Base, v.Encode)
			if err != nil || string(got) != string(v.Payload(t)) {
				t.Errorf("written as %x (%v), due is %x", got, err, v.Payload(t))
			}
		})
	}
}

func (v Vector) decode(t *testing.T, decode Decoder) {
	payload := v.Payload(t)
	tree, fs := decode(payload, v.Context(t))
	var rules []string
	for _, f := range fs {
		rules = append(rules, f.Rule)
		if f.Offset < 0 || f.Offset > len(payload) {
			t.Errorf("a finding beyond the payload: %v", f)
		}
	}
	slices.Sort(rules)
	if rules = slices.Compact(rules); !slices.Equal(rules, v.Rules) {
		t.Errorf("rules %q, due are %q: %v", rules, v.Rules, fs)
	}
	if must := lwm2m.BreaksMUST(fs); must != (!v.Valid && !v.Doubtful) {
		t.Errorf("a broken MUST is %t: %v", must, fs)
	}
	if (v.Valid || v.Lenient || v.Nodes != nil) && !Same(tree, v.Tree(t)) {
		t.Errorf("read %s, due is %s: %v", Show(tree), Show(v.Tree(t)), fs)
	}
}

// Same compares trees node by node, without the offsets.
func Same(a, b lwm2m.Tree) bool {
	return slices.EqualFunc(a.Nodes, b.Nodes, func(x, y lwm2m.Node) bool {
		if x.Time != nil && y.Time != nil && *x.Time != *y.Time || (x.Time == nil) != (y.Time == nil) {
			return false
		}
		return x.Path == y.Path && x.Prefix == y.Prefix && sameValue(x.Value, y.Value)
	})
}

// sameValue tells what Value.Equal takes for equal, but not numbers of different types, and 0 from -0.
func sameValue(a, b lwm2m.Value) bool {
	if a.Type() != b.Type() || !a.Equal(b) {
		return false
	}
	return a.Type() != lwm2m.Float || math.Signbit(a.Float()) == math.Signbit(b.Float()) || math.IsNaN(a.Float())
}

// Show writes a tree on one line.
func Show(tree lwm2m.Tree) string {
	var b strings.Builder
	for _, n := range tree.Nodes {
		fmt.Fprintf(&b, "%s%s=%s %s ", n.Prefix, n.Path, n.Value.Type(), n.Value)
	}
	return b.String()
}
