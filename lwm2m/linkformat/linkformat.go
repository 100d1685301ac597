// Package linkformat reads and writes application/link-format (40), RFC 6690, as LwM2M uses it for
// Register, Update, Discover and Bootstrap-Discover. What the links mean to registration is in package
// registration.
package linkformat

import (
	"fmt"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Link is one link.
type Link struct {
	Target     string // between the angle brackets
	Attributes []Attribute
	Offset     int // in the payload; of a decoded link
}

// Attribute is one link parameter.
type Attribute struct {
	Name     string
	Value    string // without quotes
	HasValue bool
	Quoted   bool
}

// Path is the LwM2M path the target names, after the prefix of an alternate path ("" for none).
func (l Link) Path(prefix string) (lwm2m.Path, bool) {
	t, ok := strings.CutPrefix(l.Target, prefix)
	if !ok {
		return lwm2m.Path{}, false
	}
	if t == "" && prefix != "" {
		return lwm2m.Path{}, true
	}
	p, err := lwm2m.ParsePath(t)
	return p, err == nil
}

// Get gives the first attribute of the name.
func (l Link) Get(name string) (Attribute, bool) {
	for _, a := range l.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// Attr makes an attribute with an unquoted value.
func Attr(name, value string) Attribute { return Attribute{Name: name, Value: value, HasValue: true} }

// QuotedAttr makes an attribute with a quoted value.
func QuotedAttr(name, value string) Attribute {
	return Attribute{Name: name, Value: value, HasValue: true, Quoted: true}
}

type reader struct {
	s        string
	pos      int
	findings []lwm2m.Finding
}

func (r *reader) note(rule string, level lwm2m.RuleLevel, at int, format string, args ...any) {
	r.findings = append(r.findings, lwm2m.Finding{Rule: "link." + rule, Level: level, Offset: at, Text: fmt.Sprintf(format, args...)})
}

// Decode reads a list of links; what cannot be read is a finding, and reading goes on at the next
// comma. Blanks after a comma are against the grammar, but the specification's own examples have them.
func Decode(payload []byte) ([]Link, []lwm2m.Finding) {
	r := reader{s: string(payload)}
	if len(payload) == 0 {
		return nil, nil
	}
	var out []Link
	for {
		if at := r.pos; r.blanks() {
			r.note("blank", lwm2m.SHOULD, at, "a blank stands between links, which RFC 6690 does not have")
		}
		if r.pos == len(r.s) {
			r.note("empty-link", lwm2m.MUST, r.pos, "a link is missing after the comma")
			break
		}
		if l, ok := r.link(); ok {
			out = append(out, l)
		}
		if r.pos == len(r.s) {
			break
		}
		if r.s[r.pos] != ',' {
			r.note("comma", lwm2m.MUST, r.pos, "%q stands where a comma or the end is due", r.s[r.pos])
			r.skipTo(",")
			if r.pos == len(r.s) {
				break
			}
		}
		r.pos++
	}
	return out, r.findings
}

func (r *reader) blanks() bool {
	from := r.pos
	for r.pos < len(r.s) && strings.ContainsRune(" \t\r\n", rune(r.s[r.pos])) {
		r.pos++
	}
	return r.pos > from
}

func (r *reader) skipTo(set string) {
	if i := strings.IndexAny(r.s[r.pos:], set); i >= 0 {
		r.pos += i
	} else {
		r.pos = len(r.s)
	}
}

func (r *reader) link() (Link, bool) {
	l := Link{Offset: r.pos}
	if r.s[r.pos] != '<' {
		r.note("target", lwm2m.MUST, r.pos, "a link begins with %q instead of \"<\"", r.s[r.pos])
		r.skipTo(",")
		return l, false
	}
	end := strings.IndexByte(r.s[r.pos:], '>')
	if end < 0 {
		r.note("target", lwm2m.MUST, r.pos, "the target is not closed by \">\"")
		r.pos = len(r.s)
		return l, false
	}
	l.Target = r.s[r.pos+1 : r.pos+end]
	if strings.ContainsAny(l.Target, "< \t\"") {
		r.note("target", lwm2m.MUST, r.pos, "the target %q has a character that a URI has not", l.Target)
	}
	r.pos += end + 1
	for r.pos < len(r.s) && r.s[r.pos] == ';' {
		r.pos++
		at := r.pos
		if a, ok := r.attribute(); ok {
			if _, twice := l.Get(a.Name); twice {
				r.note("attribute-twice", lwm2m.MUST, at, "the attribute %q stands twice at <%s>", a.Name, l.Target)
			}
			l.Attributes = append(l.Attributes, a)
		}
	}
	return l, true
}

func (r *reader) attribute() (Attribute, bool) {
	at := r.pos
	for r.pos < len(r.s) && !strings.ContainsRune("=;,", rune(r.s[r.pos])) {
		r.pos++
	}
	a := Attribute{Name: r.s[at:r.pos]}
	if a.Name == "" || strings.ContainsFunc(a.Name, func(c rune) bool { return !isNameChar(c) }) {
		r.note("attribute-name", lwm2m.MUST, at, "%q is no attribute name", a.Name)
	}
	if r.pos == len(r.s) || r.s[r.pos] != '=' {
		return a, a.Name != ""
	}
	r.pos++
	a.HasValue = true
	if r.pos < len(r.s) && r.s[r.pos] == '"' {
		a.Quoted = true
		a.Value = r.quoted(a.Name)
		return a, a.Name != ""
	}
	from := r.pos
	r.skipTo(";,")
	a.Value = r.s[from:r.pos]
	if a.Value == "" {
		r.note("attribute-value", lwm2m.MUST, from, "the attribute %q has \"=\" and no value", a.Name)
	}
	if i := strings.IndexFunc(a.Value, func(c rune) bool { return !isPtokenChar(c) }); i >= 0 {
		r.note("attribute-value", lwm2m.MUST, from+i, "the value of %q has a character that is to be quoted", a.Name)
	}
	return a, a.Name != ""
}

func (r *reader) quoted(name string) string {
	at := r.pos
	r.pos++
	var b strings.Builder
	for r.pos < len(r.s) {
		c := r.s[r.pos]
		r.pos++
		switch {
		case c == '"':
			return b.String()
		case c == '\\' && r.pos < len(r.s):
			b.WriteByte(r.s[r.pos])
			r.pos++
		default:
			b.WriteByte(c)
		}
	}
	r.note("quote", lwm2m.MUST, at, "the quoted value of %q is not closed", name)
	return b.String()
}

func isNameChar(c rune) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
}

// isPtokenChar is RFC 6690's ptokenchar.
func isPtokenChar(c rune) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`",;\`, c)
}

// Encode writes the links in the strict form; a value is quoted where its attribute says so or where
// its characters ask for it.
func Encode(links []Link) []byte {
	var b strings.Builder
	for i, l := range links {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "<%s>", l.Target)
		for _, a := range l.Attributes {
			b.WriteString(";" + a.Name)
			if !a.HasValue {
				continue
			}
			b.WriteByte('=')
			if a.Quoted || a.Value == "" || strings.ContainsFunc(a.Value, func(c rune) bool { return !isPtokenChar(c) }) {
				b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.Value) + `"`)
			} else {
				b.WriteString(a.Value)
			}
		}
	}
	return []byte(b.String())
}
