package lwm2m

import "slices"

// Node is one element of a payload: a value at resource or resource-instance level, or, with a Value
// of type None, an element the payload names without giving it a value: an empty instance, an empty
// multiple resource, a path of a composite request's list, a resource instance set to null.
type Node struct {
	Path  Path
	Value Value
	Time  *float64 // SenML time of the value in seconds, bt + t; nil when the payload gives none
	// Prefix names the device behind an LwM2M gateway that the path belongs to; "" for the client's own.
	// What asks a Tree for a path asks for the client's own nodes.
	Prefix string
	// Offset is where the element begins in the payload, in bytes; -1 in a tree that was not decoded.
	Offset int
}

// NoValue is the value of a node that only names its path.
var NoValue = Value{typ: None}

// Tree is what every payload format decodes into and encodes from: the nodes in the order of the
// payload. Order, duplicates and history (one path at several times) are kept, since a tester has to
// see them; the hierarchy object, instance, resource, resource instance is in the paths.
type Tree struct {
	Nodes []Node
}

// Add appends a value.
func (t *Tree) Add(p Path, v Value) { t.Nodes = append(t.Nodes, Node{Path: p, Value: v, Offset: -1}) }

// Get gives the last value at exactly this path.
func (t Tree) Get(p Path) (Value, bool) {
	for i := len(t.Nodes) - 1; i >= 0; i-- {
		if n := t.Nodes[i]; n.Path == p && n.Prefix == "" && n.Value.Type() != None {
			return n.Value, true
		}
	}
	return Value{}, false
}

// Has reports whether the payload names p or anything below it.
func (t Tree) Has(p Path) bool {
	return slices.ContainsFunc(t.Nodes, func(n Node) bool { return n.Prefix == "" && p.Contains(n.Path) })
}

// Under gives the nodes at and below p, in payload order.
func (t Tree) Under(p Path) []Node {
	var out []Node
	for _, n := range t.Nodes {
		if n.Prefix == "" && p.Contains(n.Path) {
			out = append(out, n)
		}
	}
	return out
}

// Children gives the distinct paths one level below p that the payload names, sorted.
func (t Tree) Children(p Path) []Path {
	seen := map[Path]bool{}
	var out []Path
	for _, n := range t.Nodes {
		if n.Prefix != "" || !p.Contains(n.Path) || n.Path.Len() <= p.Len() {
			continue
		}
		if c := n.Path.Truncate(p.Level() + 1); !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	slices.SortFunc(out, Path.Compare)
	return out
}
