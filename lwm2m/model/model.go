// Package model is the object model: every object of the OMA registry in every version, read from an
// embedded table when it is asked for, and what a client's announcement makes of it. It holds no values.
package model

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/text"
)

// Object is one version of an object.
type Object struct {
	ID        uint16
	Version   string // "1.1"
	Name      string
	URN       string
	MinLwM2M  string
	Multiple  bool // several instances may exist
	Mandatory bool
	Resources []Resource // in the order of their ids
}

// Operations are what a server may do to a resource (Core 5.1); none is bootstrap only.
type Operations string

// Readable, Writable and Executable look at the letters R, W and E.
func (o Operations) Readable() bool { return strings.Contains(string(o), "R") }

// Writable reports W.
func (o Operations) Writable() bool { return strings.Contains(string(o), "W") }

// Executable reports E.
func (o Operations) Executable() bool { return strings.Contains(string(o), "E") }

// Resource is one resource of an object.
type Resource struct {
	ID         uint16
	Name       string
	Operations Operations
	Multiple   bool
	Mandatory  bool
	Type       lwm2m.Type
	Range      string
	Unit       string
}

// Resource gives the resource with the id.
func (o *Object) Resource(id uint16) (Resource, bool) {
	i, ok := slices.BinarySearchFunc(o.Resources, id, func(r Resource, id uint16) int { return int(r.ID) - int(id) })
	if !ok {
		return Resource{}, false
	}
	return o.Resources[i], true
}

//go:embed registry/objects.tsv
var registry []byte

// index holds where each object's lines begin, without reading them.
var index = sync.OnceValue(func() map[uint16][]int {
	m := map[uint16][]int{}
	for pos := 0; pos < len(registry); {
		end := bytes.IndexByte(registry[pos:], '\n')
		if end < 0 {
			end = len(registry) - pos
		}
		if line := registry[pos : pos+end]; bytes.HasPrefix(line, []byte("O\t")) {
			id, _, _ := bytes.Cut(line[2:], []byte("\t"))
			if n, err := strconv.ParseUint(string(id), 10, 16); err == nil {
				m[uint16(n)] = append(m[uint16(n)], pos)
			}
		}
		pos += end + 1
	}
	return m
})

// Versions gives every version of an object that the registry keeps, oldest first.
func Versions(id uint16) []*Object {
	var out []*Object
	for _, pos := range index()[id] {
		out = append(out, parse(registry[pos:]))
	}
	slices.SortFunc(out, func(a, b *Object) int { return compareVersions(a.Version, b.Version) })
	return out
}

// IDs gives the id of every object of the registry, in order.
func IDs() []uint16 {
	var out []uint16
	for id := range index() {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func compareVersions(a, b string) int {
	amajor, aminor, _ := strings.Cut(a, ".")
	bmajor, bminor, _ := strings.Cut(b, ".")
	n := func(s string) int { i, _ := strconv.Atoi(s); return i }
	if d := n(amajor) - n(bmajor); d != 0 {
		return d
	}
	return n(aminor) - n(bminor)
}

// parse reads the object whose O line b begins with.
func parse(b []byte) *Object {
	var o *Object
	for line := range bytes.Lines(b) {
		f := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
		if f[0] == "O" && o != nil {
			break
		}
		if f[0] == "O" && len(f) == 8 {
			id, _ := strconv.ParseUint(f[1], 10, 16)
			o = &Object{ID: uint16(id), Version: f[2], Multiple: f[3] == "multiple", Mandatory: f[4] == "mandatory", MinLwM2M: f[5], URN: f[6], Name: f[7]}
		}
		if f[0] == "R" && len(f) == 9 && o != nil {
			o.Resources = append(o.Resources, parseResource(f))
		}
	}
	slices.SortFunc(o.Resources, func(a, b Resource) int { return int(a.ID) - int(b.ID) })
	return o
}

var types = map[string]lwm2m.Type{
	"String": lwm2m.String, "Integer": lwm2m.Integer, "Unsigned Integer": lwm2m.Unsigned, "Float": lwm2m.Float, "Boolean": lwm2m.Boolean,
	"Opaque": lwm2m.Opaque, "Time": lwm2m.Time, "Objlnk": lwm2m.ObjectLink, "Corelnk": lwm2m.CoreLink,
}

func parseResource(f []string) Resource {
	id, _ := strconv.ParseUint(f[1], 10, 16)
	r := Resource{
		ID: uint16(id), Operations: Operations(strings.Trim(f[2], "-")), Multiple: f[3] == "multiple", Mandatory: f[4] == "mandatory",
		Type: types[f[5]], Range: f[6], Unit: f[7], Name: f[8],
	}
	if r.Operations.Executable() && r.Type == lwm2m.Unknown {
		r.Type = lwm2m.None
	}
	return r
}

// implied are the versions of the core objects that an enabler release means when a client announces
// none (Core table E-1; 1.1 as of 1.1.1).
var implied = map[uint16]map[lwm2m.Version]string{
	0:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.1", lwm2m.V1_2: "1.2"},
	1:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.1", lwm2m.V1_2: "1.2"},
	2:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.0", lwm2m.V1_2: "1.1"},
	3:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.1", lwm2m.V1_2: "1.2"},
	4:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.2", lwm2m.V1_2: "1.3"},
	5:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.0", lwm2m.V1_2: "1.1"},
	6:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.0", lwm2m.V1_2: "1.0"},
	7:  {lwm2m.V1_0: "1.0", lwm2m.V1_1: "1.0", lwm2m.V1_2: "1.0"},
	21: {lwm2m.V1_1: "1.0", lwm2m.V1_2: "2.0"},
	23: {lwm2m.V1_2: "1.0"},
	24: {lwm2m.V1_2: "1.0"},
}

// Implied is the object version that a client of the enabler version means by announcing none; 1.0 for
// an object that is none of the core's.
func Implied(id uint16, v lwm2m.Version) string {
	if s, ok := implied[id][v]; ok {
		return s
	}
	return "1.0"
}

// Set is the object model of one client: the objects in the versions it announced.
type Set struct {
	version lwm2m.Version
	mu      sync.Mutex
	objects map[uint16]*Object
	ver     map[uint16]string
}

// Default is the set of a client that announced no version: every object in the version the enabler
// release implies.
func Default(v lwm2m.Version) *Set { return NewSet(v, nil) }

// NewSet is the set of a client that announced these object versions; an empty one is the implied one.
func NewSet(v lwm2m.Version, announced map[uint16]string) *Set {
	return &Set{version: v, objects: map[uint16]*Object{}, ver: announced}
}

// Object gives the object in the client's version; in the registry's nearest older one, else its
// oldest, when it does not keep that; nil for an object it does not know.
func (s *Set) Object(id uint16) *Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.objects[id]; ok {
		return o
	}
	want := s.ver[id]
	if want == "" {
		want = Implied(id, s.version)
	}
	var best *Object
	for _, o := range Versions(id) {
		if best == nil || compareVersions(o.Version, want) <= 0 {
			best = o
		}
	}
	s.objects[id] = best
	return best
}

// Resource gives the resource a path names.
func (s *Set) Resource(p lwm2m.Path) (Resource, bool) {
	if p.Level() < lwm2m.LevelResource {
		return Resource{}, false
	}
	o := s.Object(p.Object())
	if o == nil {
		return Resource{}, false
	}
	return o.Resource(p.Resource())
}

// TypeOf is the set as the codecs ask it.
func (s *Set) TypeOf(p lwm2m.Path) (t lwm2m.Type, multiple, known bool) {
	r, ok := s.Resource(p)
	return r.Type, r.Multiple, ok
}

// ParseValue reads a value as a profile or a case writes it: as plain text, Boolean also as true and
// false, Opaque in Base64.
func ParseValue(t lwm2m.Type, s string) (lwm2m.Value, error) {
	if t == lwm2m.Boolean {
		switch s {
		case "true":
			s = "1"
		case "false":
			s = "0"
		}
	}
	v, err := text.Parse(t, s)
	if err != nil {
		return v, fmt.Errorf("%q is no %s: %w", s, t, err)
	}
	return v, nil
}
