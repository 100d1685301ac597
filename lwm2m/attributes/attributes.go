// Package attributes reads and writes the notification attributes of Write-Attributes and resolves
// which hold for a path (Core 7.3).
package attributes

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Attribute is one parameter of a Write-Attributes; Remove when it has no value.
type Attribute struct {
	Name   string
	Value  string
	Remove bool
}

var since = map[string]lwm2m.Version{
	"pmin": lwm2m.V1_0, "pmax": lwm2m.V1_0, "gt": lwm2m.V1_0, "lt": lwm2m.V1_0, "st": lwm2m.V1_0,
	"epmin": lwm2m.V1_1, "epmax": lwm2m.V1_1, "edge": lwm2m.V1_2, "con": lwm2m.V1_2, "hqmax": lwm2m.V1_2,
}

var (
	whole  = regexp.MustCompile(`^[0-9]+$`)
	signed = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
)

// Parse reads the parameters of one request and judges them together (Core 7.3.2): known names of the
// version, syntax, lt < gt, lt + 2·st < gt, epmin < epmax. Every finding that breaks a MUST is a reason
// to answer 4.00 and to change nothing.
func Parse(queries []string, v lwm2m.Version) ([]Attribute, []lwm2m.Finding) {
	var out []Attribute
	var fs []lwm2m.Finding
	bad := func(rule, format string, args ...any) {
		fs = append(fs, lwm2m.Finding{Rule: "attributes." + rule, Level: lwm2m.MUST, Text: fmt.Sprintf(format, args...)})
	}
	for _, q := range queries {
		name, value, has := strings.Cut(q, "=")
		a := Attribute{Name: name, Value: value, Remove: !has}
		first, known := since[name]
		switch {
		case !known:
			bad("name", "%q is no attribute", name)
			continue
		case v != 0 && v < first:
			bad("name", "the attribute %s is of LwM2M %s", name, first)
		case slices.ContainsFunc(out, func(b Attribute) bool { return b.Name == name }):
			bad("twice", "the attribute %s stands twice", name)
		}
		if has && !syntax(name, value) {
			bad("value", "%s=%s is not a legal value", name, value)
		}
		out = append(out, a)
	}
	fs = append(fs, together(out)...)
	return out, fs
}

func syntax(name, value string) bool {
	switch name {
	case "gt", "lt":
		return signed.MatchString(value)
	case "st":
		return signed.MatchString(value) && !strings.HasPrefix(value, "-")
	case "edge", "con":
		return value == "0" || value == "1"
	}
	return whole.MatchString(value) && len(value) < 19
}

func together(as []Attribute) []lwm2m.Finding {
	n := func(name string) float64 {
		for _, a := range as {
			if f, err := strconv.ParseFloat(a.Value, 64); a.Name == name && !a.Remove && err == nil {
				return f
			}
		}
		return math.NaN()
	}
	var fs []lwm2m.Finding
	bad := func(text string) {
		fs = append(fs, lwm2m.Finding{Rule: "attributes.together", Level: lwm2m.MUST, Text: text})
	}
	if n("lt") >= n("gt") {
		bad("lt is not below gt")
	} else if n("lt")+2*n("st") >= n("gt") {
		bad("lt + 2 st is not below gt")
	}
	if n("epmin") >= n("epmax") {
		bad("epmin is not below epmax")
	}
	return fs
}

// Set holds the attributes that one server has attached, by path.
type Set map[lwm2m.Path]map[string]string

// Apply attaches and removes.
func (s Set) Apply(p lwm2m.Path, as []Attribute) {
	if s[p] == nil {
		s[p] = map[string]string{}
	}
	for _, a := range as {
		if a.Remove {
			delete(s[p], a.Name)
		} else {
			s[p][a.Name] = a.Value
		}
	}
}

// At gives the attributes attached at exactly p, by name in order.
func (s Set) At(p lwm2m.Path) []Attribute {
	var out []Attribute
	for n, v := range s[p] {
		out = append(out, Attribute{Name: n, Value: v})
	}
	slices.SortFunc(out, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Value gives the number that holds at p: of the path itself, else of the nearest level above it
// (resource instance, resource, instance, object).
func (s Set) Value(p lwm2m.Path, name string) (float64, bool) {
	for q := p; q.Len() > 0; q = q.Parent() {
		if v, ok := s[q][name]; ok {
			f, err := strconv.ParseFloat(v, 64)
			return f, err == nil
		}
	}
	return 0, false
}
