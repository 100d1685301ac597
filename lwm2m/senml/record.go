// Package senml reads and writes SenML JSON (110) and SenML CBOR (112) of RFC 8428, and their ETCH
// variants (320, 322) of RFC 8790, as LwM2M uses them (Core 7.4.4, 7.4.5; since 1.1).
package senml

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/text"
)

// record is one SenML record as it stands, before names are resolved.
type record struct {
	offset int
	bn, n  *string
	bt, t  *float64
	values []rawValue // of v, vs, vb, vd, vlo; one is due
}

// rawValue is a value field by its label.
type rawValue struct {
	label  string
	offset int
	number *big.Float // v; exact for every 64-bit integer
	isInt  bool       // v is written as an integer
	text   string     // vs, vlo and vd of JSON
	bytes  []byte     // vd of CBOR
	truth  bool       // vb
	null   bool
}

type decoder struct {
	ctx      lwm2m.DecodeContext
	rule     string // prefix of rule ids
	etch     bool
	tree     lwm2m.Tree
	findings []lwm2m.Finding
}

func (d *decoder) note(rule string, level lwm2m.RuleLevel, offset int, format string, args ...any) {
	d.findings = append(d.findings, lwm2m.Finding{Rule: d.rule + "." + rule, Level: level, Offset: offset, Text: fmt.Sprintf(format, args...)})
}

// resolve turns records into nodes: base name and base time hold until they are replaced (RFC 8428
// section 4.1).
func (d *decoder) resolve(records []record) {
	var bn string
	var bt float64
	var timed bool
	for _, r := range records {
		if r.bn != nil {
			bn = *r.bn
		}
		if r.bt != nil {
			bt, timed = *r.bt, true
		}
		name := bn
		if r.n != nil {
			name += *r.n
		}
		if r.n == nil && len(r.values) == 0 && r.bn != nil && !d.listAllowed() {
			continue // a record of base fields alone
		}
		p, ok := d.path(name, r.offset)
		if !ok {
			continue
		}
		node := lwm2m.Node{Path: p, Value: lwm2m.NoValue, Offset: r.offset}
		if r.t != nil || timed {
			at := bt
			if r.t != nil {
				at += *r.t
			}
			node.Time = &at
		}
		d.values(&node, r)
		d.tree.Nodes = append(d.tree.Nodes, node)
	}
}

func (d *decoder) path(name string, offset int) (lwm2m.Path, bool) {
	p, err := lwm2m.ParsePath(name)
	if err != nil {
		d.note("name", lwm2m.MUST, offset, "the name %q does not resolve to a path: %v", clip(name), err)
		return p, false
	}
	if !d.ctx.Base.Contains(p) {
		d.note("outside", lwm2m.MUST, offset, "%s lies outside of the request's path %s", p, d.ctx.Base)
	}
	return p, true
}

// listAllowed: a record without a value is a path of a composite request's list.
func (d *decoder) listAllowed() bool { return d.ctx.Method == "FETCH" }

func (d *decoder) values(node *lwm2m.Node, r record) {
	switch {
	case len(r.values) == 0:
		if !d.listAllowed() && d.ctx.Method != "" {
			d.note("no-value", lwm2m.MUST, r.offset, "the record of %s has no value", node.Path)
		}
		return
	case len(r.values) > 1:
		d.note("values", lwm2m.MUST, r.offset, "the record of %s has %d values, one is due (RFC 8428 section 4.2)", node.Path, len(r.values))
	}
	if d.listAllowed() {
		d.note("fetch-value", lwm2m.MUST, r.offset, "a path list has a value at %s", node.Path)
	}
	if node.Path.Level() < lwm2m.LevelResource {
		d.note("level", lwm2m.MUST, r.offset, "%s is an %s and has a value", node.Path, node.Path.Level())
	}
	v := r.values[0]
	if v.null {
		if !d.etch || d.ctx.Method == "GET" {
			d.note("null", lwm2m.MUST, v.offset, "%s is null, which only a patch of SenML-ETCH may be", node.Path)
		}
		return
	}
	val, err := d.typed(d.ctx.Type(node.Path), v)
	if err != nil {
		d.note("value", lwm2m.MUST, v.offset, "%s: %v", node.Path, err)
	}
	node.Value = val
}

// typed gives a raw value the model's type; without one the label tells.
func (d *decoder) typed(t lwm2m.Type, v rawValue) (lwm2m.Value, error) {
	switch v.label {
	case "vs":
		if t == lwm2m.CoreLink {
			return lwm2m.CoreLinkValue(v.text), nil
		}
		return lwm2m.StringValue(v.text), mismatch(t, "vs", lwm2m.String)
	case "vb":
		return lwm2m.BooleanValue(v.truth), mismatch(t, "vb", lwm2m.Boolean)
	case "vd":
		if v.bytes != nil {
			return lwm2m.OpaqueValue(v.bytes), mismatch(t, "vd", lwm2m.Opaque)
		}
		b, err := base64.RawURLEncoding.Strict().DecodeString(v.text)
		if err != nil {
			lenient := strings.NewReplacer("+", "-", "/", "_", "=", "", "\r", "", "\n", "").Replace(v.text)
			b, _ = base64.RawURLEncoding.DecodeString(lenient)
			return lwm2m.OpaqueValue(b), fmt.Errorf("vd is base64url without padding (RFC 8428 section 4.3): %w", err)
		}
		return lwm2m.OpaqueValue(b), mismatch(t, "vd", lwm2m.Opaque)
	case "vlo":
		l, err := text.ParseLink(v.text)
		if err != nil {
			return lwm2m.StringValue(v.text), err
		}
		return l, mismatch(t, "vlo", lwm2m.ObjectLink)
	}
	return number(t, v)
}

func mismatch(t lwm2m.Type, label string, due ...lwm2m.Type) error {
	if t == lwm2m.Unknown {
		return nil
	}
	for _, d := range due {
		if d == t {
			return nil
		}
	}
	return fmt.Errorf("a %s stands in %s", t, label)
}

func number(t lwm2m.Type, v rawValue) (lwm2m.Value, error) {
	f, _ := v.number.Float64()
	i, accuracy := v.number.Int64()
	whole := v.number.IsInt() && accuracy == big.Exact
	switch t {
	case lwm2m.Integer, lwm2m.Time:
		if !whole {
			return lwm2m.FloatValue(f), fmt.Errorf("%s is no integer of 64 bits", v.number.Text('g', 20))
		}
		if t == lwm2m.Time {
			return lwm2m.TimeValue(i), nil
		}
		return lwm2m.IntegerValue(i), nil
	case lwm2m.Unsigned:
		u, acc := v.number.Uint64()
		if !v.number.IsInt() || acc != big.Exact {
			return lwm2m.FloatValue(f), fmt.Errorf("%s is no unsigned integer of 64 bits", v.number.Text('g', 20))
		}
		return lwm2m.UnsignedValue(u), nil
	case lwm2m.Float:
		return lwm2m.FloatValue(f), nil
	case lwm2m.Unknown:
		if v.isInt && whole {
			return lwm2m.IntegerValue(i), nil
		}
		if u, acc := v.number.Uint64(); v.isInt && v.number.IsInt() && acc == big.Exact {
			return lwm2m.UnsignedValue(u), nil
		}
		return lwm2m.FloatValue(f), nil
	}
	return lwm2m.FloatValue(f), fmt.Errorf("a %s stands in v", t)
}

func exact(f float64) (*big.Float, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return new(big.Float), false
	}
	return new(big.Float).SetPrec(200).SetFloat64(f), true
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
