package senml

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// DecodeJSON reads SenML JSON, or with etch SenML-ETCH JSON.
func DecodeJSON(payload []byte, ctx lwm2m.DecodeContext, etch bool) (lwm2m.Tree, []lwm2m.Finding) {
	d := decoder{ctx: ctx, rule: "senml-json", etch: etch}
	if len(bytes.TrimSpace(payload)) == 0 {
		return d.tree, nil // nothing is there: an empty object, instance or multiple resource
	}
	if !utf8.Valid(payload) {
		d.note("utf8", lwm2m.MUST, 0, "the payload is not valid UTF-8")
	}
	j := jsonReader{decoder: &d, dec: json.NewDecoder(bytes.NewReader(payload))}
	j.dec.UseNumber()
	records, err := j.pack()
	d.resolve(records)
	if err != nil {
		d.note("syntax", lwm2m.MUST, int(j.dec.InputOffset()), "%v", err)
	}
	return d.tree, d.findings
}

type jsonReader struct {
	*decoder
	dec *json.Decoder
}

func (j *jsonReader) pack() ([]record, error) {
	var out []record
	if t, err := j.token(); err != nil {
		return nil, err
	} else if t != json.Delim('[') {
		return nil, errors.New("a SenML pack is an array")
	}
	for j.dec.More() {
		r, err := j.record()
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	if _, err := j.token(); err != nil {
		return out, err
	}
	if _, err := j.dec.Token(); !errors.Is(err, io.EOF) {
		return out, errors.New("text follows the pack")
	}
	return out, nil
}

func (j *jsonReader) token() (json.Token, error) {
	t, err := j.dec.Token()
	if errors.Is(err, io.EOF) {
		err = errors.New("the JSON text ends too early")
	}
	return t, err
}

func (j *jsonReader) record() (record, error) {
	t, err := j.token()
	if err != nil {
		return record{}, err
	}
	r := record{offset: int(j.dec.InputOffset()) - 1}
	if t != json.Delim('{') {
		return r, errors.New("a record is an object")
	}
	seen := map[string]bool{}
	for j.dec.More() {
		k, err := j.token()
		if err != nil {
			return r, err
		}
		label, _ := k.(string)
		at := int(j.dec.InputOffset())
		if seen[label] {
			j.note("label-twice", lwm2m.MUST, at, "the label %q stands twice in a record", clip(label))
		}
		seen[label] = true
		var raw json.RawMessage
		if err := j.dec.Decode(&raw); err != nil {
			return r, err
		}
		j.field(&r, label, at, raw)
	}
	_, err = j.token()
	return r, err
}

func (j *jsonReader) field(r *record, label string, at int, raw json.RawMessage) {
	wrong := func(due string) { j.note("label-type", lwm2m.MUST, at, "%s is no %s", label, due) }
	var s string
	isText := json.Unmarshal(raw, &s) == nil && raw[0] == '"'
	num, isNumber := jsonNumber(raw)
	switch label {
	case "bn", "n":
		if !isText {
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
		if v, _ := num.Int64(); !isNumber || v != 10 {
			j.note("bver", lwm2m.MUST, at, "bver is %s, version 10 is understood", clip(string(raw)))
		}
	case "v", "vs", "vb", "vd", "vlo":
		v := rawValue{label: label, offset: at, text: s, number: num, null: string(raw) == "null"}
		v.isInt = isNumber && !strings.ContainsAny(string(raw), ".eE")
		v.truth = string(raw) == "true"
		isBool := v.truth || string(raw) == "false"
		if ok := map[string]bool{"v": isNumber || v.null, "vs": isText, "vb": isBool, "vd": isText, "vlo": isText}; !ok[label] {
			wrong(map[string]string{"v": "number", "vs": "text", "vb": "true or false", "vd": "text", "vlo": "text"}[label])
			return
		}
		r.values = append(r.values, v)
	case "bu", "u", "ut", "bv", "bs", "s":
	default:
		if strings.HasSuffix(label, "_") {
			j.note("must-understand", lwm2m.MUST, at, "the label %q is to be understood and is not (RFC 8428 section 4.4)", clip(label))
		}
	}
}

func jsonNumber(raw json.RawMessage) (*big.Float, bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') || len(raw) > 400 {
		return new(big.Float), false
	}
	f, _, err := big.ParseFloat(string(raw), 10, 200, big.ToNearestEven)
	if err != nil {
		return new(big.Float), false
	}
	return f, true
}
