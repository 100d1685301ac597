package lwm2m

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxID is 65535, which is never the id of an object, an instance or a resource (Core 7.4): in an
// object link it stands for "none", in /2/x/1 and /2/x/3 for "the object" and "the bootstrap server".
const MaxID = 65535

// Level is how deep a path goes.
type Level uint8

// The levels of the tree (Core 5.1).
const (
	LevelRoot Level = iota
	LevelObject
	LevelInstance
	LevelResource
	LevelResourceInstance
)

var levelNames = [...]string{"root", "object", "object instance", "resource", "resource instance"}

// String names the level as the specification does.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "level " + strconv.Itoa(int(l))
}

// Path names an object, an object instance, a resource or a resource instance; the zero value is the
// root "/". Paths compare with == and serve as map keys.
type Path struct {
	ids [4]uint16
	n   uint8
}

// NewPath makes a path of zero to four ids; more than four panic, since no such path can exist.
func NewPath(ids ...uint16) Path {
	if len(ids) > 4 {
		panic(fmt.Sprintf("lwm2m: a path of %d ids", len(ids)))
	}
	p := Path{n: uint8(len(ids))}
	copy(p.ids[:], ids)
	return p
}

// ParsePath reads "/" or up to four decimal ids each led by a slash. It is strict (Core 7.4): no
// leading zeros, no trailing slash, ids 0 to 65534. The instance id 65535 of a Create in LwM2M CBOR
// is no path of its own and is made with NewPath.
func ParsePath(s string) (Path, error) {
	if s == "/" {
		return Path{}, nil
	}
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return Path{}, fmt.Errorf("path %q does not begin with a slash", s)
	}
	var p Path
	for seg := range strings.SplitSeq(rest, "/") {
		if p.n == 4 {
			return Path{}, fmt.Errorf("path %q has more than four segments", s)
		}
		id, err := parseID(seg)
		if err != nil {
			return Path{}, fmt.Errorf("path %q: %w", s, err)
		}
		p.ids[p.n] = id
		p.n++
	}
	return p, nil
}

// MustParsePath is ParsePath for literals; it panics on a malformed one.
func MustParsePath(s string) Path {
	p, err := ParsePath(s)
	if err != nil {
		panic(err)
	}
	return p
}

func parseID(s string) (uint16, error) {
	if s == "" {
		return 0, fmt.Errorf("empty segment")
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("segment %q is not a decimal id", s)
		}
	}
	if len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("segment %q has a leading zero", s)
	}
	id, err := strconv.ParseUint(s, 10, 16)
	if err != nil || id == MaxID {
		return 0, fmt.Errorf("segment %q is outside 0 to 65534", s)
	}
	return uint16(id), nil
}

// Level is the level the path names.
func (p Path) Level() Level { return Level(p.n) }

// Len is the number of ids, 0 for the root.
func (p Path) Len() int { return int(p.n) }

// IDs are the ids from the object down.
func (p Path) IDs() []uint16 { return append([]uint16(nil), p.ids[:p.n]...) }

// Object, Instance, Resource and ResourceInstance give the id at their level; asking a shorter path
// gives 0, so ask Level first.
func (p Path) Object() uint16 { return p.ids[0] }

// Instance is the object instance id.
func (p Path) Instance() uint16 { return p.ids[1] }

// Resource is the resource id.
func (p Path) Resource() uint16 { return p.ids[2] }

// ResourceInstance is the resource instance id.
func (p Path) ResourceInstance() uint16 { return p.ids[3] }

// Child is the path one level down; at resource-instance level it panics.
func (p Path) Child(id uint16) Path {
	if p.n == 4 {
		panic("lwm2m: a resource instance has no children")
	}
	p.ids[p.n] = id
	p.n++
	return p
}

// Parent is the path one level up; the parent of the root is the root.
func (p Path) Parent() Path { return p.Truncate(Level(max(int(p.n)-1, 0))) }

// Truncate cuts the path to the given level; a shorter path stays as it is.
func (p Path) Truncate(l Level) Path {
	if Level(p.n) <= l {
		return p
	}
	q := Path{n: uint8(l)}
	copy(q.ids[:l], p.ids[:l])
	return q
}

// Contains reports whether q is p or lies below it; the root contains every path.
func (p Path) Contains(q Path) bool { return q.n >= p.n && q.Truncate(Level(p.n)) == p }

// Compare orders paths by their ids, a path before what lies below it.
func (p Path) Compare(q Path) int {
	for i := range min(p.n, q.n) {
		if d := int(p.ids[i]) - int(q.ids[i]); d != 0 {
			return d
		}
	}
	return int(p.n) - int(q.n)
}

// String writes the path as "/3/0/0", the root as "/".
func (p Path) String() string {
	if p.n == 0 {
		return "/"
	}
	var b strings.Builder
	for _, id := range p.ids[:p.n] {
		b.WriteByte('/')
		b.WriteString(strconv.Itoa(int(id)))
	}
	return b.String()
}
