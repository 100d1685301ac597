// Package omajson reads application/vnd.oma.lwm2m+json (11543), the JSON of LwM2M 1.0 (TS 1.0 6.4.4).
package omajson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/text"
)

type pack struct {
	BN *string      `json:"bn"`
	BT *json.Number `json:"bt"`
	E  []entry      `json:"e"`
}

type entry struct {
	N  *string      `json:"n"`
	T  *json.Number `json:"t"`
	V  *json.Number `json:"v"`
	BV *bool        `json:"bv"`
	SV *string      `json:"sv"`
	OV *string      `json:"ov"`
}

// Decode reads a payload. Without a base name the names are relative to the request's path.
func Decode(payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding) {
	var tree lwm2m.Tree
	var fs []lwm2m.Finding
	note := func(rule, format string, args ...any) {
		fs = append(fs, lwm2m.Finding{Rule: "lwm2m-json." + rule, Level: lwm2m.MUST, Text: fmt.Sprintf(format, args...)})
	}
	var p pack
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	if err := dec.Decode(&p); err != nil {
		note("syntax", "%v", err)
		return tree, fs
	}
	if dec.More() {
		note("syntax", "text follows the object")
	}
	if p.E == nil {
		note("e", "the array e is missing")
	}
	base := ctx.Base.String()
	if p.BN != nil {
		base = *p.BN
	}
	for _, e := range p.E {
		node, err := e.node(base, p.BT, ctx)
		if err != nil {
			note("entry", "%v", err)
		}
		if node.Path.Len() > 0 {
			tree.Nodes = append(tree.Nodes, node)
		}
	}
	return tree, fs
}

func (e entry) node(base string, bt *json.Number, ctx lwm2m.DecodeContext) (lwm2m.Node, error) {
	name := base
	if e.N != nil && *e.N != "" {
		if !strings.HasSuffix(name, "/") && !strings.HasPrefix(*e.N, "/") {
			name += "/"
		}
		name += *e.N
	}
	path, err := lwm2m.ParsePath(name)
	if err != nil {
		return lwm2m.Node{}, err
	}
	node := lwm2m.Node{Path: path, Value: lwm2m.NoValue}
	if bt != nil || e.T != nil {
		var at float64
		for _, n := range []*json.Number{bt, e.T} {
			if n != nil {
				f, _ := n.Float64()
				at += f
			}
		}
		node.Time = &at
	}
	if !ctx.Base.Contains(path) {
		return node, fmt.Errorf("%s lies outside of the request's path %s", path, ctx.Base)
	}
	n := 0
	for _, has := range []bool{e.V != nil, e.BV != nil, e.SV != nil, e.OV != nil} {
		if has {
			n++
		}
	}
	if n != 1 {
		return node, fmt.Errorf("%s has %d values, one is due", path, n)
	}
	node.Value, err = e.value(ctx.Type(path))
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return node, err
}

func (e entry) value(t lwm2m.Type) (lwm2m.Value, error) {
	switch {
	case e.BV != nil:
		return lwm2m.BooleanValue(*e.BV), due(t, "bv", lwm2m.Boolean)
	case e.OV != nil:
		v, err := text.ParseLink(*e.OV)
		if err == nil {
			err = due(t, "ov", lwm2m.ObjectLink)
		}
		return v, err
	case e.SV != nil:
		if t == lwm2m.Opaque {
			b, err := base64.StdEncoding.DecodeString(*e.SV)
			return lwm2m.OpaqueValue(b), err
		}
		return lwm2m.StringValue(*e.SV), due(t, "sv", lwm2m.String, lwm2m.CoreLink)
	}
	s := e.V.String()
	if t == lwm2m.Float || t == lwm2m.Unknown && strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		return lwm2m.FloatValue(f), err
	}
	if t == lwm2m.Unknown {
		t = lwm2m.Integer
	}
	if err := due(t, "v", lwm2m.Integer, lwm2m.Unsigned, lwm2m.Time); err != nil {
		f, _ := e.V.Float64()
		return lwm2m.FloatValue(f), err
	}
	return text.Parse(t, s)
}

func due(t lwm2m.Type, label string, allowed ...lwm2m.Type) error {
	if t == lwm2m.Unknown {
		return nil
	}
	for _, a := range allowed {
		if a == t {
			return nil
		}
	}
	return fmt.Errorf("a %s stands in %s", t, label)
}
