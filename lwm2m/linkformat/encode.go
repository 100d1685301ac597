package linkformat

import (
	"slices"
	"strings"
)

// Options choose among the forms that mean the same. The zero value is the strict form: everything in
// the order given, values quoted where their attribute says so or their characters ask for it.
type Options struct {
	Quoted   bool // every value quoted
	Reversed bool // the attributes of each link in the opposite order
	Blanks   bool // a blank after each comma: against RFC 6690, but in the examples of LwM2M
}

// Encode writes the links in the strict form.
func Encode(links []Link) []byte { return EncodeAs(links, Options{}) }

// EncodeAs writes the links in the form of the options. Targets and names are written as they are.
func EncodeAs(links []Link, o Options) []byte {
	var b []byte
	for i, l := range links {
		if i > 0 {
			b = append(b, ',')
			if o.Blanks {
				b = append(b, ' ')
			}
		}
		b = append(append(append(b, '<'), l.Target...), '>')
		as := l.Attributes
		if o.Reversed {
			as = slices.Clone(as)
			slices.Reverse(as)
		}
		for _, a := range as {
			b = a.appendTo(append(b, ';'), o.Quoted)
		}
	}
	return b
}

func (a Attribute) appendTo(b []byte, quoted bool) []byte {
	b = append(b, a.Name...)
	if !a.HasValue {
		return b
	}
	b = append(b, '=')
	if !quoted && !a.Quoted && isToken(a.Value) {
		return append(b, a.Value...)
	}
	b = append(b, '"')
	for i := range len(a.Value) {
		if strings.IndexByte(`"\`, a.Value[i]) >= 0 {
			b = append(b, '\\')
		}
		b = append(b, a.Value[i])
	}
	return append(b, '"')
}

func isToken(s string) bool {
	for i := range len(s) {
		if !isPtokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}
