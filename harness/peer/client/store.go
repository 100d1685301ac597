package client

import (
	"slices"

	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/model"
)

// store holds the device's values; its caller holds the client's lock.
type store struct {
	model     *model.Set
	values    map[lwm2m.Path]lwm2m.Value // at resource and resource-instance level
	instances map[lwm2m.Path]bool        // object instances
	multiple  map[lwm2m.Path]bool        // multiple resources that are there, also empty ones
	objects   map[uint16]bool            // supported objects
}

func newStore(set *model.Set) *store {
	return &store{
		model: set, values: map[lwm2m.Path]lwm2m.Value{}, instances: map[lwm2m.Path]bool{},
		multiple: map[lwm2m.Path]bool{}, objects: map[uint16]bool{},
	}
}

func (s *store) put(t lwm2m.Tree) {
	for _, n := range t.Nodes {
		s.set(n.Path, n.Value)
	}
}

func (s *store) set(p lwm2m.Path, v lwm2m.Value) {
	s.objects[p.Object()] = true
	if p.Level() >= lwm2m.LevelInstance {
		s.instances[p.Truncate(lwm2m.LevelInstance)] = true
	}
	if _, multiple, _ := s.model.TypeOf(p); multiple {
		s.multiple[p.Truncate(lwm2m.LevelResource)] = true
	}
	if v.Type() != lwm2m.None {
		s.values[p] = v
	}
}

// remove takes out a path and everything below it.
func (s *store) remove(p lwm2m.Path) {
	for q := range s.values {
		if p.Contains(q) {
			delete(s.values, q)
		}
	}
	for q := range s.instances {
		if p.Contains(q) {
			delete(s.instances, q)
		}
	}
	for q := range s.multiple {
		if p.Contains(q) {
			delete(s.multiple, q)
		}
	}
}

// executables are the executable resources the device has.
var executables = map[lwm2m.Path]bool{
	lwm2m.NewPath(3, 0, 4): true,
}

// has reports whether a path exists on the device.
func (s *store) has(p lwm2m.Path) bool {
	switch p.Level() {
	case lwm2m.LevelObject:
		return s.objects[p.Object()]
	case lwm2m.LevelInstance:
		return s.instances[p]
	case lwm2m.LevelResource:
		if !s.instances[p.Truncate(lwm2m.LevelInstance)] {
			return false
		}
		_, value := s.values[p]
		server := p.Object() == 1 && (p.Resource() == 4 || p.Resource() == 8)
		return value || s.multiple[p] || executables[p] || server
	case lwm2m.LevelResourceInstance:
		_, ok := s.values[p]
		return ok
	}
	return true
}

// instancesOf gives the instances of an object in order.
func (s *store) instancesOf(object uint16) []lwm2m.Path {
	var out []lwm2m.Path
	for p := range s.instances {
		if p.Object() == object {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, lwm2m.Path.Compare)
	return out
}

// readable gives the tree below p: readable resources only, in order; an empty instance and an empty
// multiple resource are nodes without a value.
func (s *store) readable(p lwm2m.Path) lwm2m.Tree {
	var t lwm2m.Tree
	for q, v := range s.values {
		r, known := s.model.Resource(q)
		if p.Contains(q) && (!known || r.Operations.Readable()) {
			t.Add(q, v)
		}
	}
	for q := range s.multiple {
		if p.Contains(q) && !t.Has(q) {
			t.Add(q, lwm2m.NoValue)
		}
	}
	for q := range s.instances {
		if p.Contains(q) && !t.Has(q) && p.Level() <= lwm2m.LevelInstance {
			t.Add(q, lwm2m.NoValue)
		}
	}
	slices.SortFunc(t.Nodes, func(a, b lwm2m.Node) int { return a.Path.Compare(b.Path) })
	return t
}

// resources gives the resources of an instance that exist, in order, executable ones included.
func (s *store) resources(instance lwm2m.Path) []lwm2m.Path {
	seen := map[lwm2m.Path]bool{}
	for q := range s.values {
		if instance.Contains(q) {
			seen[q.Truncate(lwm2m.LevelResource)] = true
		}
	}
	for q := range s.multiple {
		if instance.Contains(q) {
			seen[q] = true
		}
	}
	for q := range executables {
		if instance.Contains(q) && s.instances[instance] {
			seen[q] = true
		}
	}
	if instance.Object() == 1 {
		seen[instance.Child(4)], seen[instance.Child(8)] = true, true
	}
	var out []lwm2m.Path
	for q := range seen {
		out = append(out, q)
	}
	slices.SortFunc(out, lwm2m.Path.Compare)
	return out
}

// accounts reads the accounts out of objects 0 and 1 (Core 6.1.2): a server's Security instance
// belongs to the Server instance with the same Short Server ID.
func (s *store) accounts() []peer.Account {
	var out []peer.Account
	for _, p := range s.instancesOf(0) {
		v := func(r uint16) lwm2m.Value { return s.values[p.Child(r)] }
		a := peer.Account{
			URI: v(0).Text(), Bootstrap: v(1).Bool(), Mode: peer.SecurityMode(v(2).Int()), Identity: v(3).Bytes(), Key: v(5).Bytes(),
			ShortServerID: uint16(v(10).Int()), SecurityID: p.Instance(),
		}
		if !a.Bootstrap && !s.serverPart(&a) {
			continue
		}
		out = append(out, a)
	}
	return out
}

func (s *store) serverPart(a *peer.Account) bool {
	for _, q := range s.instancesOf(1) {
		if uint16(s.values[q.Child(0)].Int()) != a.ShortServerID || a.ShortServerID == 0 {
			continue
		}
		a.ServerID, a.Lifetime, a.Binding = q.Instance(), s.values[q.Child(1)].Int(), s.values[q.Child(7)].Text()
		optional := func(r uint16) *int64 {
			v, ok := s.values[q.Child(r)]
			if !ok {
				return nil
			}
			n := v.Int()
			return &n
		}
		a.DefaultPmin, a.DefaultPmax, a.DisableTimeout = optional(2), optional(3), optional(5)
		return true
	}
	return false
}

// consistent judges a configuration at Bootstrap-Finish (Core 6.1.2): at most one bootstrap-server
// account, at least one server account, and no Security instance of a server without its Server
// instance.
func (s *store) consistent() bool {
	servers, bootstraps := 0, 0
	for _, a := range s.accounts() {
		if a.Bootstrap {
			bootstraps++
		} else {
			servers++
			if a.URI == "" || a.ShortServerID == 0 || a.ShortServerID == 65535 {
				return false
			}
		}
	}
	return servers > 0 && bootstraps <= 1 && servers+bootstraps == len(s.instancesOf(0))
}
