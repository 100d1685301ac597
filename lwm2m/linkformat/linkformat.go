// Package linkformat reads and writes application/link-format (40), RFC 6690, as LwM2M uses it for
// Register, Update, Discover and Bootstrap-Discover. What the links mean there is in package
// registration.
package linkformat

import (
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Link is one link.
type Link struct {
	Target     string // between the angle brackets
	Attributes []Attribute
	Offset     int // of the "<" in the payload; of a decoded link
}

// Attribute is one link parameter.
type Attribute struct {
	Name     string
	Value    string // without quotes and escapes
	HasValue bool
	Quoted   bool
	Offset   int // of the name in the payload; of a decoded link
}

// Path is the LwM2M path the target names, after the prefix of an alternate path ("" for none). A
// slash at the end, which Decode has a finding for, is overlooked.
func (l Link) Path(prefix string) (lwm2m.Path, bool) {
	t, ok := strings.CutPrefix(l.Target, prefix)
	if !ok {
		return lwm2m.Path{}, false
	}
	if t == "" && prefix != "" {
		return lwm2m.Path{}, true
	}
	if len(t) > 1 {
		t = strings.TrimSuffix(t, "/")
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

// isAlphanumeric, isAttrChar, isPtokenChar and isPathChar are the character classes of RFC 6690
// section 2 and of the RFCs 5987 and 3986 that it builds on.
func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func isAttrChar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$&+-.^_`|~", c) >= 0
}

func isPtokenChar(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`",;\`, c) < 0
}

func isPathChar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("/-._~!$&'()*+,;=:@", c) >= 0
}

// isName reports whether s is a parmname, or one with the "*" of an ext-name-star.
func isName(s string) bool {
	s = strings.TrimSuffix(s, "*")
	for i := range len(s) {
		if !isAttrChar(s[i]) {
			return false
		}
	}
	return s != ""
}
