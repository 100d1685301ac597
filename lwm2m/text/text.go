// Package text reads and writes the formats that hold one bare value: text/plain (0) and
// application/octet-stream (42), Core 1.2 sections 7.5.1, 7.5.2 and appendix C (1.1: 7.4.1, 7.4.2).
//
// Text does not tell the type of its value. Where the model does not either, it is a String.
// Arguments of an Execute are text as well; package execargs reads them.
package text

import (
	"fmt"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

// Decode reads the plain text of the resource or resource instance at the context's base path. Text
// that is no value of its type comes with a finding, as the value it tells all the same (a number with
// a sign or blanks around it), else as String, or Opaque when it is not UTF-8.
func Decode(payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding) {
	l := findings.List{Format: "text"}
	t := ctx.Type(ctx.Base)
	switch {
	case t == lwm2m.None && ctx.Method == "POST":
		t = lwm2m.String // the arguments of an Execute
	case t == lwm2m.Opaque && ctx.Version == lwm2m.V1_0:
		l.Should("opaque-1.0", 0, "LwM2M 1.0 does not define plain text for the Opaque %s", ctx.Base)
	}
	v, problems := read(t, string(payload))
	for _, p := range problems {
		l.Note(p.rule, p.level, p.offset, "%s: %s", ctx.Base, p.text)
	}
	return one(ctx.Base, v), l.All()
}

// Encode writes the one value of a tree as plain text.
func Encode(tree lwm2m.Tree, base lwm2m.Path) ([]byte, error) {
	v, err := sole(tree, base, "text")
	if err != nil {
		return nil, err
	}
	s, err := Format(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", base, err)
	}
	return []byte(s), nil
}

// DecodeOpaque reads application/octet-stream: the payload is the value.
func DecodeOpaque(payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding) {
	l := findings.List{Format: "opaque"}
	if t := ctx.Type(ctx.Base); t != lwm2m.Opaque && t != lwm2m.Unknown {
		l.Must("type", 0, "application/octet-stream holds an Opaque, %s is of type %s", ctx.Base, t)
	}
	return one(ctx.Base, lwm2m.OpaqueValue(payload)), l.All()
}

// EncodeOpaque writes the one value of a tree, an Opaque, as its bytes.
func EncodeOpaque(tree lwm2m.Tree, base lwm2m.Path) ([]byte, error) {
	v, err := sole(tree, base, "application/octet-stream")
	if err != nil {
		return nil, err
	}
	if v.Type() != lwm2m.Opaque {
		return nil, fmt.Errorf("%s: application/octet-stream holds an Opaque, not a value of type %s", base, v.Type())
	}
	return v.Bytes(), nil
}

func one(p lwm2m.Path, v lwm2m.Value) lwm2m.Tree {
	return lwm2m.Tree{Nodes: []lwm2m.Node{{Path: p, Value: v}}}
}

// sole is the value of a tree that has one, at the base path.
func sole(tree lwm2m.Tree, base lwm2m.Path, format string) (lwm2m.Value, error) {
	if len(tree.Nodes) != 1 {
		return lwm2m.Value{}, fmt.Errorf("%s holds one value, for %s there are %d", format, base, len(tree.Nodes))
	}
	n := tree.Nodes[0]
	switch {
	case n.Path != base:
		return lwm2m.Value{}, fmt.Errorf("%s holds the value of %s itself, not of %s", format, base, n.Path)
	case n.Time != nil:
		return lwm2m.Value{}, fmt.Errorf("%s cannot hold the time of %s", format, base)
	}
	return n.Value, nil
}
