// Package attributes reads and writes the notification attributes (Core 7.3): the query of a
// Write-Attributes and of an Observe, the rules they are judged by, which of those attached hold for a
// path, and when a notification is due under them. Attributes that only describe (dim, ver, ssid …)
// are in package registration.
package attributes

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

// Attribute is one parameter of a Write-Attributes; Remove when it has no value.
type Attribute struct {
	Name   string
	Value  string
	Remove bool
}

// String is the attribute as it stands in a query.
func (a Attribute) String() string {
	if a.Remove {
		return a.Name
	}
	return a.Name + "=" + a.Value
}

// Query writes attributes as Uri-Query options.
func Query(as []Attribute) []string {
	var out []string
	for _, a := range as {
		out = append(out, a.String())
	}
	return out
}

// kind is the syntax of an attribute's value.
type kind uint8

const (
	seconds kind = iota // also the whole number of hqmax
	decimal
	distance
	flag
)

// class is what Core table 7.3.2-1 says of a notification attribute.
type class struct {
	since lwm2m.Version
	kind  kind
	// onValue: only on resources and resource instances, since it compares values.
	onValue bool
	// onComposite: also in the query of an Observe-Composite (Core 6.4.4, since 1.2).
	onComposite bool
}

var classes = map[string]class{
	"pmin":  {since: lwm2m.V1_0, onComposite: true},
	"pmax":  {since: lwm2m.V1_0, onComposite: true},
	"gt":    {since: lwm2m.V1_0, kind: decimal, onValue: true},
	"lt":    {since: lwm2m.V1_0, kind: decimal, onValue: true},
	"st":    {since: lwm2m.V1_0, kind: distance, onValue: true},
	"epmin": {since: lwm2m.V1_1, onComposite: true},
	"epmax": {since: lwm2m.V1_1, onComposite: true},
	"edge":  {since: lwm2m.V1_2, kind: flag, onValue: true},
	"con":   {since: lwm2m.V1_2, kind: flag, onComposite: true},
	"hqmax": {since: lwm2m.V1_2},
}

// Known reports whether name is a notification attribute of the version; version 0 is the newest.
func Known(name string, v lwm2m.Version) bool {
	c, ok := classes[name]
	return ok && (v == 0 || v >= c.since)
}

// CheckValue tells why a value is not what the attribute takes, in one sentence; nil when it is.
func CheckValue(name, value string) error {
	c, ok := classes[name]
	switch {
	case !ok:
		return fmt.Errorf("%q is no notification attribute", findings.Clip(name))
	case c.kind == seconds && !(digits(value) && len(value) < 19):
		return fmt.Errorf("%s=%s is no whole number of seconds or entries, 0 or more", name, findings.Clip(value))
	case c.kind == decimal && !isDecimal(strings.TrimPrefix(value, "-")):
		return fmt.Errorf("%s=%s is no decimal number", name, findings.Clip(value))
	case c.kind == distance && !isDecimal(value):
		return fmt.Errorf("%s=%s is no decimal number, 0 or more", name, findings.Clip(value))
	case c.kind == flag && value != "0" && value != "1":
		return fmt.Errorf("%s=%s is neither 0 nor 1", name, findings.Clip(value))
	}
	return nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isDecimal(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	return len(s) < 256 && digits(whole) && (!point || digits(fraction))
}

// Parse reads the Uri-Query options of one Write-Attributes and judges them together (Core 7.3.2):
// names that the version has, their syntax, lt < gt, lt + 2·st < gt. Every finding that breaks a MUST
// is a reason to answer 4.00 and to change nothing. Offsets are those of the options joined by "&".
// Whether the attributes fit their target is for Check to say.
func Parse(queries []string, v lwm2m.Version) ([]Attribute, []lwm2m.Finding) {
	p := parser{List: findings.List{Format: "attributes"}, version: v}
	return p.parse(queries)
}

// ParseObserve reads the attributes in the Uri-Query options of an Observe or Observe-Composite, which
// has them since 1.2 (Core 6.4.1, 6.4.4). There each has a value, since there is nothing to remove.
func ParseObserve(queries []string, v lwm2m.Version, composite bool) ([]Attribute, []lwm2m.Finding) {
	p := parser{List: findings.List{Format: "attributes"}, version: v, observe: true, composite: composite}
	return p.parse(queries)
}

type parser struct {
	findings.List
	version            lwm2m.Version
	observe, composite bool
}

func (p *parser) parse(queries []string) ([]Attribute, []lwm2m.Finding) {
	var out []Attribute
	seen := map[string]bool{}
	offset := 0
	if p.observe && len(queries) > 0 && p.version != 0 && p.version < lwm2m.V1_2 {
		p.Must("observe", 0, "an Observe has attributes since LwM2M 1.2 only")
	}
	for _, q := range queries {
		name, value, has := strings.Cut(q, "=")
		a := Attribute{Name: name, Value: value, Remove: !has}
		if p.attribute(a, offset) {
			if seen[name] {
				p.Must("twice", offset, "the attribute %s stands twice", name)
			}
			seen[name] = true
			out = append(out, a)
		}
		offset += len(q) + 1
	}
	p.together(out)
	return out, p.All()
}

// attribute judges one attribute by itself; false when there is no such attribute.
func (p *parser) attribute(a Attribute, offset int) bool {
	c, known := classes[a.Name]
	switch {
	case a.Name == "":
		p.Must("name", offset, "an attribute has no name")
		return false
	case !known:
		p.Must("name", offset, "%q is no attribute that can be written", findings.Clip(a.Name))
		return false
	case !Known(a.Name, p.version):
		p.Must("version", offset, "%s is an attribute since LwM2M %s", a.Name, c.since)
	case p.composite && !c.onComposite:
		p.Must("composite", offset, "%s is no attribute of an Observe-Composite", a.Name)
	}
	if a.Remove {
		if p.observe {
			p.Must("value", offset, "%s has no value in an Observe", a.Name)
		}
		return true
	}
	if err := CheckValue(a.Name, a.Value); err != nil {
		p.Must("value", offset, "%v", err)
		return true
	}
	switch {
	case c.kind == decimal && a.Value[0] == '-' && (p.version == 0 || p.version >= lwm2m.V1_2):
		p.Should("sign", offset, "%s has a sign, which the grammar of LwM2M 1.2 leaves out; it is read as a negative threshold", a)
	case a.Name == "st" && strings.Trim(a.Value, "0.") == "":
		p.Should("st-zero", offset, "st=%s: draft-ietf-core-conditional-attributes asks for more than 0", a.Value)
	}
	return true
}

// together judges what stands in one request (Core 7.3.2).
func (p *parser) together(as []Attribute) {
	n := map[string]*big.Rat{}
	for _, a := range as {
		if _, twice := n[a.Name]; !twice && !a.Remove && CheckValue(a.Name, a.Value) == nil {
			n[a.Name], _ = new(big.Rat).SetString(a.Value)
		}
	}
	if text := Inconsistent(n["gt"], n["lt"], n["st"]); text != "" {
		p.Must("together", 0, "%s", text)
	}
	if low, high := n["epmin"], n["epmax"]; low != nil && high != nil && low.Cmp(high) >= 0 {
		p.Should("epmin-epmax", 0, "epmin is not below epmax, so that no evaluation can be due in time")
	}
}

// Inconsistent says which rule for gt, lt and st is broken, "" for none; nil stands for one that is
// not set (Core 7.3.2: lt < gt, and lt + 2·st < gt).
func Inconsistent(gt, lt, st *big.Rat) string {
	if gt == nil || lt == nil {
		return ""
	}
	if lt.Cmp(gt) >= 0 {
		return "lt is not below gt"
	}
	if st == nil {
		return ""
	}
	if sum := new(big.Rat).Add(lt, new(big.Rat).Add(st, st)); sum.Cmp(gt) >= 0 {
		return "lt + 2·st is not below gt"
	}
	return ""
}

// Check judges whether attributes may be attached at p, a resource of type t (Core 7.3.2): gt, lt and
// st on numeric resources, edge on Boolean ones (both also on their instances), the others on objects,
// instances, resources and, since 1.1, resource instances. An Unknown type is not judged.
func Check(as []Attribute, p lwm2m.Path, t lwm2m.Type, v lwm2m.Version) []lwm2m.Finding {
	l := findings.List{Format: "attributes"}
	if p.Level() == lwm2m.LevelRoot {
		l.Must("level", 0, "the root has no attributes")
	}
	if p.Level() == lwm2m.LevelResourceInstance && v == lwm2m.V1_0 {
		l.Must("level", 0, "%s is a resource instance, which has attributes since LwM2M 1.1", p)
	}
	for _, a := range as {
		switch c := classes[a.Name]; {
		case !c.onValue:
		case p.Level() < lwm2m.LevelResource:
			l.Must("level", 0, "%s is no attribute of an %s", a.Name, p.Level())
		case a.Name == "edge" && t != lwm2m.Boolean && t != lwm2m.Unknown:
			l.Must("type", 0, "edge is for Boolean resources, %s is of type %s", p, t)
		case a.Name != "edge" && !numeric(t) && t != lwm2m.Unknown:
			l.Must("type", 0, "%s is for numeric resources, %s is of type %s", a.Name, p, t)
		}
	}
	return l.All()
}

func numeric(t lwm2m.Type) bool {
	return t == lwm2m.Integer || t == lwm2m.Unsigned || t == lwm2m.Float || t == lwm2m.Time
}
