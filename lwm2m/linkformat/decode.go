package linkformat

import (
	"strings"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

type reader struct {
	findings.List
	s   string
	pos int
}

// Decode reads a list of links in their order. What departs from the grammar of RFC 6690 section 2 is
// a finding, and reading goes on with the next thing that makes sense. The rules of RFC 6690 hold
// here in full, so a blank after a comma ("link.blank") breaks a MUST, as does a target that is not an
// absolute path; package registration knows what LwM2M's own examples excuse.
func Decode(payload []byte) ([]Link, []lwm2m.Finding) {
	r := reader{List: findings.List{Format: "link"}, s: string(payload)}
	if len(payload) == 0 {
		return nil, nil
	}
	if !utf8.ValidString(r.s) {
		r.Must("utf8", invalidAt(r.s), "the payload is not valid UTF-8 (RFC 6690 section 2.1)")
	}
	var out []Link
	rule := "stray-blank"
	for {
		r.blanks(rule)
		if r.pos == len(r.s) || r.s[r.pos] == ',' {
			r.Must("empty-link", r.pos, "a link is missing")
		} else if l, ok := r.link(); ok {
			out = append(out, l)
		}
		r.blanks("stray-blank")
		if r.pos == len(r.s) {
			return out, r.All()
		}
		r.separator()
		rule = "blank"
	}
}

func invalidAt(s string) int {
	for i, c := range s {
		if c == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return len(s)
}

// blanks skips what the grammar has no place for. It has a rule of its own after commas, where LwM2M's
// examples have blanks too.
func (r *reader) blanks(rule string) {
	from := r.pos
	for r.pos < len(r.s) && strings.IndexByte(" \t\r\n", r.s[r.pos]) >= 0 {
		r.pos++
	}
	if r.pos > from {
		r.Must(rule, from, "a blank stands where RFC 6690 has none")
	}
}

// separator goes past the comma, or to where the next link may begin when there is none.
func (r *reader) separator() {
	switch {
	case r.s[r.pos] == ',':
		r.pos++
	case r.s[r.pos] == '<':
		r.Must("comma", r.pos, "a comma is missing between two links")
	default:
		r.Must("comma", r.pos, "%q stands where a comma or the end is due", r.s[r.pos])
		r.skipTo(",")
		if r.pos < len(r.s) {
			r.pos++
		}
	}
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
		r.Must("target", r.pos, "a link begins with %q instead of \"<\"", findings.Clip(r.s[r.pos:]))
		r.skipTo(",")
		return l, false
	}
	r.pos++
	switch end := strings.IndexAny(r.s[r.pos:], "<>"); {
	case end < 0:
		r.Must("target", l.Offset, "the target is not closed by \">\"")
		l.Target = r.s[r.pos:]
		r.pos = len(r.s)
		return l, true
	case r.s[r.pos+end] == '<': // "</1/0,</3/0>": the target ends before the comma of the next link
		r.Must("target", l.Offset, "the target is not closed by \">\"")
		l.Target = strings.TrimRight(r.s[r.pos:r.pos+end], ", ")
		r.pos += len(l.Target)
		return l, true
	default:
		l.Target = r.s[r.pos : r.pos+end]
		r.target(l.Target)
		r.pos += end + 1
	}
	r.attributes(&l)
	return l, true
}

// target judges a target: in LwM2M it is the absolute path of a resource of the same host.
func (r *reader) target(t string) {
	at := r.pos
	shown := findings.Clip(t)
	if !strings.HasPrefix(t, "/") || strings.HasPrefix(t, "//") {
		r.Must("target", at, "<%s> is no absolute path", shown)
		return
	}
	for i := range len(t) {
		c := t[i]
		switch {
		case isPathChar(c):
		case c == '%':
			if len(t) < i+3 || !isHex(t[i+1]) || !isHex(t[i+2]) {
				r.Must("target", at+i, "<%s> has a percent sign without two hexadecimal digits", shown)
				return
			}
		case c == '?', c == '#':
			r.Must("target", at+i, "<%s> has a query or a fragment, a path alone is due", shown)
			return
		default:
			r.Must("target", at+i, "<%s> has %q, which no path has", shown, c)
			return
		}
	}
	if len(t) > 1 && strings.HasSuffix(t, "/") {
		r.Should("trailing-slash", at+len(t)-1, "<%s> ends with a slash", shown)
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

func (r *reader) attributes(l *Link) {
	var seen map[string]bool
	for {
		r.blanks("stray-blank")
		if r.pos == len(r.s) || r.s[r.pos] != ';' {
			return
		}
		r.pos++
		r.blanks("stray-blank")
		a := r.attribute()
		if a.Name == "" {
			continue
		}
		if seen[a.Name] {
			r.twice(a, l.Target)
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[a.Name] = true
		l.Attributes = append(l.Attributes, a)
	}
}

// once are the attributes that stand at most once: those of LwM2M (Core 7.3) by sense, the others by
// RFC 6690 section 2 and RFC 7252 section 7.2.1.
var once = map[string]bool{
	"rel": true, "anchor": true, "rt": true, "if": true, "sz": true, "ct": true, "title": true, "title*": true, "type": true, "media": true,
	"ver": true, "lwm2m": true, "ssid": true, "uri": true, "dim": true,
	"pmin": true, "pmax": true, "gt": true, "lt": true, "st": true, "epmin": true, "epmax": true, "edge": true, "con": true, "hqmax": true,
}

func (r *reader) twice(a Attribute, target string) {
	level := lwm2m.SHOULD
	if once[a.Name] {
		level = lwm2m.MUST
	}
	r.Note("attribute-twice", level, a.Offset, "the attribute %q stands twice at <%s>", findings.Clip(a.Name), findings.Clip(target))
}

func (r *reader) attribute() Attribute {
	a := Attribute{Offset: r.pos}
	r.skipTo("=;, \t\r\n<\"")
	a.Name = r.s[a.Offset:r.pos]
	if !isName(a.Name) {
		r.Must("attribute-name", a.Offset, "%q is no attribute name", findings.Clip(a.Name))
	}
	r.blanks("stray-blank")
	if r.pos == len(r.s) || r.s[r.pos] != '=' {
		return a
	}
	r.pos++
	r.blanks("stray-blank")
	a.HasValue = true
	if r.pos < len(r.s) && r.s[r.pos] == '"' {
		a.Quoted = true
		a.Value = r.quoted(a.Name)
		return a
	}
	a.Value = r.token(a.Name)
	return a
}

func (r *reader) token(name string) string {
	from := r.pos
	r.skipTo(";,")
	v := strings.TrimRight(r.s[from:r.pos], " \t\r\n")
	r.pos = from + len(v)
	if v == "" {
		r.Must("attribute-value", from, "the attribute %q has \"=\" and no value", findings.Clip(name))
	}
	for i := range len(v) {
		if !isPtokenChar(v[i]) {
			r.Must("attribute-value", from+i, "the value of %q has %q, which is to be quoted", findings.Clip(name), v[i])
			break
		}
	}
	return v
}

// quoted reads a quoted-string of RFC 2616 section 2.2, where a backslash takes the next character
// as it is.
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
		case c < ' ' && c != '\t' || c == 0x7f:
			r.Must("attribute-value", r.pos-1, "the value of %q has the control character %#02x", findings.Clip(name), c)
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	r.Must("quote", at, "the quoted value of %q is not closed", findings.Clip(name))
	return b.String()
}
