package senml

import (
	"math"
	"math/big"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/cbor/scan"
)

var labels = map[int64]string{
	-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
	0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}

// DecodeCBOR reads SenML CBOR, or with etch SenML-ETCH CBOR.
func DecodeCBOR(payload []byte, ctx lwm2m.DecodeContext, etch bool) (lwm2m.Tree, []lwm2m.Finding) {
	d := decoder{ctx: ctx, rule: "senml-cbor", etch: etch}
	if len(payload) == 0 {
		return d.tree, nil
	}
	top, notes, err := scan.One(payload)
	for _, n := range notes {
		level := lwm2m.MUST
		if n.Rule == scan.NotShortest {
			level = lwm2m.SHOULD
		}
		d.note(string(n.Rule), level, n.Offset, "%s", n.Text)
	}
	if err != nil {
		d.note("syntax", lwm2m.MUST, err.Offset, "%s", err.Text)
	}
	if top.Major != 4 {
		if err == nil {
			d.note("pack", lwm2m.MUST, 0, "a SenML pack is an array")
		}
		return d.tree, d.findings
	}
	var records []record
	for _, it := range top.Children {
		if it.Major != 5 {
			d.note("record", lwm2m.MUST, it.Offset, "a record is a map")
			continue
		}
		records = append(records, d.cborRecord(it))
	}
	d.resolve(records)
	return d.tree, d.findings
}

func (d *decoder) cborRecord(m scan.Item) record {
	r := record{offset: m.Offset}
	seen := map[string]bool{}
	for i := 0; i+1 < len(m.Children); i += 2 {
		k, v := m.Children[i], m.Children[i+1]
		label, ok := d.label(k)
		if !ok {
			continue
		}
		if seen[label] {
			d.note("label-twice", lwm2m.MUST, k.Offset, "the label %s stands twice in a record", clip(label))
		}
		seen[label] = true
		d.cborField(&r, label, v)
	}
	return r
}

func (d *decoder) label(k scan.Item) (string, bool) {
	if k.Major == 3 {
		return string(k.Bytes), true
	}
	n, ok := k.Int()
	if k.Major > 1 || !ok {
		d.note("label", lwm2m.MUST, k.Offset, "a label is an integer or text")
		return "", false
	}
	if s, known := labels[n]; known {
		return s, true
	}
	return "", false
}

func (d *decoder) cborField(r *record, label string, v scan.Item) {
	wrong := func(due string) { d.note("label-type", lwm2m.MUST, v.Offset, "%s is no %s", label, due) }
	num, isInt, isNumber := cborNumber(v)
	switch label {
	case "bn", "n":
		s := string(v.Bytes)
		if v.Major != 3 {
			wrong("text")
		} else if label == "bn" {
			r.bn = &s
		} else {
			r.n = &s
		}
	case "bt", "t":
		f, _ := num.Float64()
		if !isNumber {
			wrong("number")
		} else if label == "bt" {
			r.bt = &f
		} else {
			r.t = &f
		}
	case "bver":
		if n, ok := v.Int(); !ok || n != 10 {
			d.note("bver", lwm2m.MUST, v.Offset, "bver is not 10, the version that is understood")
		}
	case "v", "vs", "vb", "vd", "vlo":
		truth, isBool := v.Bool()
		raw := rawValue{label: label, offset: v.Offset, number: num, isInt: isInt, text: string(v.Bytes), truth: truth, null: v.Null() && label == "v"}
		if v.Major == 2 {
			raw.bytes = append([]byte{}, v.Bytes...)
		}
		if ok := map[string]bool{"v": isNumber || raw.null, "vs": v.Major == 3, "vb": isBool, "vd": v.Major == 2, "vlo": v.Major == 3}; !ok[label] {
			wrong(map[string]string{"v": "number", "vs": "text", "vb": "true or false", "vd": "byte string", "vlo": "text"}[label])
			return
		}
		r.values = append(r.values, raw)
	case "bu", "u", "ut", "bv", "bs", "s":
	default:
		if strings.HasSuffix(label, "_") {
			d.note("must-understand", lwm2m.MUST, v.Offset, "the label %q is to be understood and is not (RFC 8428 section 4.4)", clip(label))
		}
	}
}

// cborNumber reads an integer, a float, or a decimal fraction (tag 4), which RFC 8428 section 6 allows.
func cborNumber(v scan.Item) (f *big.Float, isInt, ok bool) {
	f = new(big.Float).SetPrec(200)
	switch v.Major {
	case 0:
		return f.SetUint64(v.Argument), true, true
	case 1:
		return f.Neg(f.SetUint64(v.Argument)).Sub(f, big.NewFloat(1)), true, true
	case 6:
		return decimalFraction(v)
	case 7:
		x, isFloat := v.Float()
		if !isFloat {
			return f, false, false
		}
		f, ok = exact(x)
		return f, false, ok
	}
	return f, false, false
}

func decimalFraction(v scan.Item) (*big.Float, bool, bool) {
	zero := new(big.Float)
	if v.Argument != 4 || len(v.Children) != 1 || len(v.Children[0].Children) != 2 {
		return zero, false, false
	}
	e, ok1 := v.Children[0].Children[0].Int()
	m, _, ok2 := cborNumber(v.Children[0].Children[1])
	if !ok1 || !ok2 || math.Abs(float64(e)) > 308 {
		return zero, false, false
	}
	p := new(big.Float).SetPrec(400).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(max(e, -e)), nil))
	if e < 0 {
		return new(big.Float).SetPrec(200).Quo(m, p), false, true
	}
	return new(big.Float).SetPrec(200).Mul(m, p), false, true
}
