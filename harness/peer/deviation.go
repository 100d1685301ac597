package peer

import (
	"fmt"
	"slices"
	"strings"
)

// Deviation is one way in which a reference peer differs from its plain self, by name: a fault that
// breaks the criteria it names and no other, or, benign, a difference that the specifications allow and
// no criterion may hold against it.
type Deviation struct {
	Name   string
	Role   string // client, server, bootstrap-server
	Benign bool
	Text   string   // what it does, one sentence
	Breaks []string // criteria by number, "int-102.2"; of a benign one none
	Set    func(*Behaviour)
}

// Behaviour is the plain peer's with the deviation.
func (d Deviation) Behaviour() Behaviour {
	var b Behaviour
	d.Set(&b)
	return b
}

// Deviations gives all of them, by role and name.
func Deviations() []Deviation {
	all := slices.Concat(clientFaults(), clientVariants(), serverFaults(), serverVariants(), bootstrapFaults(), bootstrapVariants())
	slices.SortStableFunc(all, func(a, b Deviation) int {
		if c := strings.Compare(a.Role, b.Role); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// Find gives a deviation by its name.
func Find(name string) (Deviation, bool) {
	for _, d := range Deviations() {
		if d.Name == name {
			return d, true
		}
	}
	return Deviation{}, false
}

// ForRole gives a deviation of a role, or an error that lists what there is.
func ForRole(name, role string) (Deviation, error) {
	d, ok := Find(name)
	if ok && d.Role == role {
		return d, nil
	}
	var names []string
	for _, d := range Deviations() {
		if d.Role == role {
			names = append(names, d.Name)
		}
	}
	return d, fmt.Errorf("there is no deviation %q of a %s: use one of %s", name, role, strings.Join(names, ", "))
}
