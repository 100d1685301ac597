// Package text reads and writes the formats that hold one bare value: text/plain (0) and
// application/octet-stream (42), Core 7.4.1, 7.4.2 and table C-1.
package text

import (
	"encoding/base64"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Decode reads plain text. Without a type from the model the value is a String, since the text does
// not tell.
func Decode(payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding) {
	t := ctx.Type(ctx.Base)
	v, err := Parse(t, string(payload))
	var fs []lwm2m.Finding
	if err != nil {
		fs = append(fs, lwm2m.Finding{Rule: "text.value", Level: lwm2m.MUST, Text: err.Error()})
		v = lwm2m.OpaqueValue(payload)
		if utf8.Valid(payload) {
			v = lwm2m.StringValue(string(payload))
		}
	}
	return lwm2m.Tree{Nodes: []lwm2m.Node{{Path: ctx.Base, Value: v}}}, fs
}

var (
	integer = regexp.MustCompile(`^-?[0-9]+$`)
	decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	link    = regexp.MustCompile(`^(0|[1-9][0-9]*):(0|[1-9][0-9]*)$`)
)

// Parse reads the text of one value of the type.
func Parse(t lwm2m.Type, s string) (lwm2m.Value, error) {
	if !utf8.ValidString(s) {
		return lwm2m.Value{}, fmt.Errorf("the text is not valid UTF-8")
	}
	switch t {
	case lwm2m.Integer, lwm2m.Time:
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil || !integer.MatchString(s) {
			return lwm2m.Value{}, fmt.Errorf("%q is no decimal integer of 64 bits", clip(s))
		}
		if t == lwm2m.Time {
			return lwm2m.TimeValue(i), nil
		}
		return lwm2m.IntegerValue(i), nil
	case lwm2m.Unsigned:
		u, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return lwm2m.Value{}, fmt.Errorf("%q is no unsigned decimal integer of 64 bits", clip(s))
		}
		return lwm2m.UnsignedValue(u), nil
	case lwm2m.Float:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !decimal.MatchString(s) {
			return lwm2m.Value{}, fmt.Errorf("%q is no decimal number", clip(s))
		}
		return lwm2m.FloatValue(f), nil
	case lwm2m.Boolean:
		if s != "0" && s != "1" {
			return lwm2m.Value{}, fmt.Errorf("%q is no Boolean: 0 or 1 is due", clip(s))
		}
		return lwm2m.BooleanValue(s == "1"), nil
	case lwm2m.Opaque:
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || strings.ContainsAny(s, "\r\n") {
			return lwm2m.Value{}, fmt.Errorf("the text is not Base64 with padding: %w", err)
		}
		return lwm2m.OpaqueValue(b), nil
	case lwm2m.ObjectLink:
		return ParseLink(s)
	case lwm2m.CoreLink:
		return lwm2m.CoreLinkValue(s), nil
	case lwm2m.None:
		return lwm2m.Value{}, fmt.Errorf("an executable resource has no value")
	case lwm2m.String, lwm2m.Unknown:
	}
	return lwm2m.StringValue(s), nil
}

// ParseLink reads an object link, "3:0".
func ParseLink(s string) (lwm2m.Value, error) {
	m := link.FindStringSubmatch(s)
	if m == nil {
		return lwm2m.Value{}, fmt.Errorf("%q is no object link: two decimal ids with a colon between are due", clip(s))
	}
	o, err1 := strconv.ParseUint(m[1], 10, 16)
	i, err2 := strconv.ParseUint(m[2], 10, 16)
	if err1 != nil || err2 != nil {
		return lwm2m.Value{}, fmt.Errorf("an id of the object link %q is above 65535", clip(s))
	}
	return lwm2m.ObjectLinkValue(uint16(o), uint16(i)), nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// Format writes one value as plain text.
func Format(v lwm2m.Value) (string, error) {
	switch v.Type() {
	case lwm2m.String, lwm2m.CoreLink:
		return v.Text(), nil
	case lwm2m.Integer, lwm2m.Time:
		return strconv.FormatInt(v.Int(), 10), nil
	case lwm2m.Unsigned:
		return strconv.FormatUint(v.Uint(), 10), nil
	case lwm2m.Float:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return "", fmt.Errorf("plain text cannot write %v", f)
		}
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), nil
	case lwm2m.Boolean:
		if v.Bool() {
			return "1", nil
		}
		return "0", nil
	case lwm2m.Opaque:
		return base64.StdEncoding.EncodeToString(v.Bytes()), nil
	case lwm2m.ObjectLink:
		o, i := v.Link()
		return fmt.Sprintf("%d:%d", o, i), nil
	case lwm2m.Unknown, lwm2m.None:
	}
	return "", fmt.Errorf("a value of type %s cannot be written as text", v.Type())
}

// DecodeOpaque reads application/octet-stream: the payload is the value.
func DecodeOpaque(payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding) {
	var fs []lwm2m.Finding
	if t := ctx.Type(ctx.Base); t != lwm2m.Opaque && t != lwm2m.Unknown {
		fs = append(fs, lwm2m.Finding{Rule: "opaque.type", Level: lwm2m.MUST, Text: fmt.Sprintf("application/octet-stream holds an Opaque, %s is a %s", ctx.Base, t)})
	}
	return lwm2m.Tree{Nodes: []lwm2m.Node{{Path: ctx.Base, Value: lwm2m.OpaqueValue(payload)}}}, fs
}
