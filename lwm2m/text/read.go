package text

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

// problem is a departure of a text from what its type is written like.
type problem struct {
	rule   string
	level  lwm2m.RuleLevel
	offset int
	text   string
}

func must(rule, format string, args ...any) problem {
	return problem{rule: rule, level: lwm2m.MUST, text: fmt.Sprintf(format, args...)}
}

func should(rule, format string, args ...any) problem {
	return problem{rule: rule, level: lwm2m.SHOULD, text: fmt.Sprintf(format, args...)}
}

// Parse reads the text of one value of the type. The error is for text that breaks a MUST.
func Parse(t lwm2m.Type, s string) (lwm2m.Value, error) {
	return strict(read(t, s))
}

// ParseLink reads an object link, "3:0".
func ParseLink(s string) (lwm2m.Value, error) {
	return strict(readLink(s))
}

func strict(v lwm2m.Value, ps []problem) (lwm2m.Value, error) {
	for _, p := range ps {
		if p.level == lwm2m.MUST {
			return lwm2m.Value{}, errors.New(p.text)
		}
	}
	return v, nil
}

// read gives the value a text tells and how it departs from the type's form.
func read(t lwm2m.Type, s string) (lwm2m.Value, []problem) {
	if !utf8.ValidString(s) {
		p := must("utf8", "the text is not valid UTF-8")
		p.offset = invalidAt(s)
		return lwm2m.OpaqueValue([]byte(s)), []problem{p}
	}
	switch t {
	case lwm2m.Integer, lwm2m.Time, lwm2m.Unsigned:
		return readInteger(t, s)
	case lwm2m.Float:
		return readFloat(s)
	case lwm2m.Boolean:
		return readBoolean(s)
	case lwm2m.Opaque:
		return readOpaque(s)
	case lwm2m.ObjectLink:
		return readLink(s)
	case lwm2m.CoreLink:
		return lwm2m.CoreLinkValue(s), nil
	case lwm2m.None:
		return lwm2m.StringValue(s), []problem{must("executable", "an executable resource has no value, here is %q", findings.Clip(s))}
	case lwm2m.String, lwm2m.Unknown:
	}
	return lwm2m.StringValue(s), nil
}

// invalidAt is the first byte that is no UTF-8.
func invalidAt(s string) int {
	for i, r := range s {
		if r != utf8.RuneError {
			continue
		}
		if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
			return i
		}
	}
	return len(s)
}

// numeral takes off what does not belong to a decimal numeral but leaves its meaning clear.
func numeral(s string) (string, []problem) {
	var ps []problem
	if trimmed := strings.Trim(s, " \t\r\n\x00"); trimmed != s {
		ps = append(ps, must("blank", "%q has blanks, line ends or NUL around the number", findings.Clip(s)))
		s = trimmed
	}
	if rest, plus := strings.CutPrefix(s, "+"); plus && !strings.HasPrefix(rest, "-") {
		ps = append(ps, must("plus", "%q has a plus sign", findings.Clip(s)))
		s = rest
	}
	return s, ps
}

// digits reports a run of decimal digits.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// zeros notes leading zeros, which no specification forbids.
func zeros(s string, ps []problem) []problem {
	if len(s) > 1 && s[0] == '0' {
		ps = append(ps, should("leading-zero", "%q has leading zeros", findings.Clip(s)))
	}
	return ps
}

func readInteger(t lwm2m.Type, s string) (lwm2m.Value, []problem) {
	num, ps := numeral(s)
	abs, negative := strings.CutPrefix(num, "-")
	if !digits(abs) {
		return lwm2m.StringValue(s), []problem{must("integer", "%q is no decimal integer", findings.Clip(s))}
	}
	ps = zeros(abs, ps)
	if t == lwm2m.Unsigned {
		u, err := strconv.ParseUint(abs, 10, 64)
		if err != nil || negative && u != 0 {
			return lwm2m.StringValue(s), append(ps, must("range", "%s is not in the range of an Unsigned Integer, 0 to 2^64-1", findings.Clip(num)))
		}
		if negative {
			ps = append(ps, must("integer", "%q has a sign, which an Unsigned Integer has not", num))
		}
		return lwm2m.UnsignedValue(u), ps
	}
	i, err := strconv.ParseInt(num, 10, 64)
	switch {
	case err != nil:
		return lwm2m.StringValue(s), append(ps, must("range", "%s is not in the range of 64 bits, -2^63 to 2^63-1", findings.Clip(num)))
	case t == lwm2m.Time:
		return lwm2m.TimeValue(i), ps
	}
	return lwm2m.IntegerValue(i), ps
}

// readFloat reads a decimal numeral: digits and a point, no exponent (appendix C). What a Float is that
// decimals cannot write, NaN and infinity, the specification does not say, nor whether digits may miss
// on one side of the point.
func readFloat(s string) (lwm2m.Value, []problem) {
	num, ps := numeral(s)
	abs := strings.TrimPrefix(num, "-")
	if f, ok := noDecimal(num, abs); ok {
		return lwm2m.FloatValue(f), append(ps, should("no-decimal", "%q is no decimal number, but there is no other way to write it", num))
	}
	mantissa, exponent, scientific := abs, "", false
	if i := strings.IndexAny(abs, "eE"); i >= 0 {
		mantissa, exponent, scientific = abs[:i], strings.TrimLeft(abs[i+1:], "+-"), true
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if whole+fraction == "" || whole != "" && !digits(whole) || fraction != "" && !digits(fraction) ||
		scientific && (!digits(exponent) || len(abs)-len(mantissa)-len(exponent) > 2) {
		return lwm2m.StringValue(s), []problem{must("float", "%q is no decimal number", findings.Clip(s))}
	}
	if scientific {
		ps = append(ps, must("exponent", "%q has an exponent", findings.Clip(s)))
	}
	if whole == "" || point && fraction == "" {
		ps = append(ps, should("point", "%q has no digit on one side of the point", findings.Clip(s)))
	}
	ps = zeros(whole, ps)
	f, err := strconv.ParseFloat(num, 64)
	if err != nil {
		return lwm2m.StringValue(s), append(ps, must("range", "%s is beyond a Float of 64 bits", findings.Clip(num)))
	}
	return lwm2m.FloatValue(f), ps
}

func noDecimal(num, abs string) (f float64, ok bool) {
	switch {
	case strings.EqualFold(abs, "nan"):
		return math.NaN(), true
	case strings.EqualFold(abs, "inf"), strings.EqualFold(abs, "infinity"):
		f, err := strconv.ParseFloat(num, 64)
		return f, err == nil
	}
	return 0, false
}

func readBoolean(s string) (lwm2m.Value, []problem) {
	trimmed := strings.Trim(s, " \t\r\n\x00")
	switch {
	case s == "0" || s == "1":
		return lwm2m.BooleanValue(s == "1"), nil
	case trimmed == "0" || trimmed == "1":
		return lwm2m.BooleanValue(trimmed == "1"), []problem{must("blank", "%q has blanks, line ends or NUL around the Boolean", findings.Clip(s))}
	case strings.EqualFold(trimmed, "true") || strings.EqualFold(trimmed, "false"):
		return lwm2m.BooleanValue(strings.EqualFold(trimmed, "true")), []problem{must("boolean", "%q is no Boolean, 0 or 1 is due", findings.Clip(s))}
	}
	return lwm2m.StringValue(s), []problem{must("boolean", "%q is no Boolean, 0 or 1 is due", findings.Clip(s))}
}

// readOpaque reads Base64 of the standard alphabet with padding (RFC 4648 section 4), without line ends.
func readOpaque(s string) (lwm2m.Value, []problem) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err == nil && !strings.ContainsAny(s, "\r\n") {
		return lwm2m.OpaqueValue(b), nil
	}
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && !strings.ContainsAny(s, "\r\n") {
		return lwm2m.OpaqueValue(b), []problem{should("base64-bits", "the unused bits at the end of the Base64 text are not 0")}
	}
	bare := strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "", " ", "").Replace(s)
	b, lax := base64.RawStdEncoding.DecodeString(strings.TrimRight(bare, "="))
	if lax == nil {
		return lwm2m.OpaqueValue(b), []problem{must("base64", "%q is not Base64 with the standard alphabet, padding and no line ends", findings.Clip(s))}
	}
	return lwm2m.StringValue(s), []problem{must("base64", "%q is not Base64: %v", findings.Clip(s), err)}
}

// readLink reads two decimal ids with a colon between. Leading zeros stand in an example of the
// specification ("10:03", table C-2).
func readLink(s string) (lwm2m.Value, []problem) {
	bad := func(text string) (lwm2m.Value, []problem) {
		return lwm2m.StringValue(s), []problem{must("objlnk", "%q is no object link: %s", findings.Clip(s), text)}
	}
	object, instance, ok := strings.Cut(s, ":")
	if !ok || !digits(object) || !digits(instance) {
		return bad("two decimal ids with a colon between are due")
	}
	o, err1 := strconv.ParseUint(object, 10, 16)
	i, err2 := strconv.ParseUint(instance, 10, 16)
	if err1 != nil || err2 != nil {
		return bad("an id is above 65535")
	}
	var ps []problem
	for _, id := range []string{object, instance} {
		ps = zeros(id, ps)
	}
	return lwm2m.ObjectLinkValue(uint16(o), uint16(i)), ps
}
