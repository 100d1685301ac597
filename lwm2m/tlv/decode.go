package tlv

import (
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

type decoder struct {
	framer
	ctx  lwm2m.DecodeContext
	tree lwm2m.Tree
}

// Decode reads the payload of a request on the context's base path, or of its answer. What departs
// from the rules is a finding, and what can be read is read nevertheless: a value of a wrong size
// comes as Opaque, unless it is an integer. Resources of a payload that names no instance, as in a
// Create that leaves the id to the client, come at instance 65535.
func Decode(payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding) {
	d := decoder{framer: framer{findings.List{Format: "tlv"}}, ctx: ctx}
	base := ctx.Base
	switch base.Level() {
	case lwm2m.LevelObject:
		d.object(d.split(payload, 0, base))
	case lwm2m.LevelInstance:
		d.instance(payload)
	case lwm2m.LevelResource:
		d.resource(payload)
	case lwm2m.LevelResourceInstance:
		d.resourceInstance(payload)
	case lwm2m.LevelRoot:
		d.Must("base", 0, "TLV names no object, so none of its %d bytes can answer a request without a path", len(payload))
	}
	return d.tree, d.ByOffset()
}

func (d *decoder) add(p lwm2m.Path, v lwm2m.Value, offset int) {
	d.tree.Nodes = append(d.tree.Nodes, lwm2m.Node{Path: p, Value: v, Offset: offset})
}

// child is the path of an element. 65535 is reserved (Core 7.4), unless the request itself names it.
func (d *decoder) child(p lwm2m.Path, e element) lwm2m.Path {
	c := p.Child(e.id)
	if e.id == lwm2m.MaxID && !c.Contains(d.ctx.Base) {
		d.Must("id", e.offset, "the id 65535 of %s is reserved (Core 7.4)", e.kind)
	}
	return c
}

func (d *decoder) misplaced(e element, place string) {
	d.Must("nesting", e.offset, "%s with id %d stands %s; its %d bytes are not read", e.kind, e.id, place, len(e.value))
}

// object reads instances. Resources without one are a Create that leaves the id to the client (Core
// 6.3.6); to anything else instances are mandatory.
func (d *decoder) object(es []element) {
	base := d.ctx.Base
	bare, wrapped := 0, 0
	for _, e := range es {
		switch e.kind {
		case objectInstance:
			wrapped++
			d.wrapped(d.child(base, e), e)
			continue
		case resourceInstance:
			d.misplaced(e, "where Object Instances are due")
			continue
		case resource, multipleResource:
		}
		if bare++; bare == 1 && d.ctx.Method != "POST" && d.ctx.Method != "" {
			d.Must("instance-missing", e.offset, "%s stands where Object Instances are mandatory, since the request names no instance", e.kind)
		}
		d.below(base.Child(lwm2m.MaxID), e)
	}
	if bare > 0 && wrapped > 0 {
		d.Must("mixed", es[0].offset, "resources stand both with and without an Object Instance around them")
	}
}

// wrapped reads an Object Instance; an empty one is a node of its own.
func (d *decoder) wrapped(p lwm2m.Path, e element) {
	before := len(d.tree.Nodes)
	for _, r := range d.split(e.value, e.body, p) {
		d.below(p, r)
	}
	if len(d.tree.Nodes) == before {
		d.add(p, lwm2m.NoValue, e.offset)
	}
}

// instance reads the payload for an object instance, around which the element is optional.
func (d *decoder) instance(payload []byte) {
	base := d.ctx.Base
	es := d.split(payload, 0, base)
	if len(payload) == 0 {
		d.add(base, lwm2m.NoValue, 0)
	}
	wrapped := 0
	for _, e := range es {
		if e.kind != objectInstance {
			d.below(base, e)
			continue
		}
		wrapped++
		if e.id != base.Instance() {
			d.Must("instance-id", e.offset, "the Object Instance has id %d, the request names %s", e.id, base)
		}
		d.wrapped(d.child(base.Parent(), e), e)
	}
	if wrapped > 0 && wrapped < len(es) {
		d.Must("mixed", es[0].offset, "resources stand both with and without an Object Instance around them")
	}
}

// below reads a Resource or a Multiple Resource, which are all that may stand below an instance.
func (d *decoder) below(instance lwm2m.Path, e element) {
	if e.kind != resource && e.kind != multipleResource {
		d.misplaced(e, "where resources are due")
		return
	}
	p := d.child(instance, e)
	multiple, known := d.ctx.Multiple(p)
	switch {
	case e.kind == resource:
		if known && multiple {
			d.Must("multiple", e.offset, "%s is a multiple resource and stands as a single Resource", p)
		}
		d.value(p, e)
		return
	case known && !multiple:
		d.Must("multiple", e.offset, "%s is a single resource and stands as a Multiple Resource", p)
	}
	d.instances(p, e)
}

// instances reads what a Multiple Resource holds; none is a node of its own.
func (d *decoder) instances(p lwm2m.Path, e element) {
	if len(e.value) == 0 {
		d.add(p, lwm2m.NoValue, e.offset)
	}
	for _, r := range d.split(e.value, e.body, p) {
		if r.kind == resourceInstance {
			d.value(d.child(p, r), r)
		} else {
			d.misplaced(r, "within a Multiple Resource, where Resource Instances are due")
		}
	}
}

// resource reads the payload for a resource: its one element. An empty payload for an empty multiple
// resource is another reading of the specification than a Multiple Resource of length 0, and so are
// Resource Instances without the Multiple Resource around them, which are seen in the field.
func (d *decoder) resource(payload []byte) {
	base := d.ctx.Base
	multiple, known := d.ctx.Multiple(base)
	if len(payload) == 0 {
		if known && !multiple {
			d.Must("empty", 0, "an empty payload holds no value of the single resource %s", base)
		} else {
			d.Should("empty", 0, "the payload is empty, an empty Multiple Resource of %s is the safer reading", base)
		}
		d.add(base, lwm2m.NoValue, 0)
		return
	}
	bare := 0
	es := d.split(payload, 0, base)
	for _, e := range es {
		switch e.kind {
		case resource, multipleResource:
			if e.id != base.Resource() {
				d.Must("resource-id", e.offset, "%s has id %d, the request names %s", e.kind, e.id, base)
			}
			d.below(base.Parent(), e)
		case resourceInstance:
			if bare++; bare == 1 {
				d.bareInstance(e, known && !multiple)
			}
			d.value(d.child(base, e), e)
		case objectInstance:
			d.Must("nesting", e.offset, "an Object Instance with id %d stands around the payload for the resource %s", e.id, base)
			d.wrapped(d.child(base.Truncate(lwm2m.LevelObject), e), e)
		}
	}
	if bare > 0 && bare < len(es) {
		d.Must("mixed", es[0].offset, "resource instances stand beside other elements in the payload for %s", base)
	}
}

func (d *decoder) bareInstance(e element, single bool) {
	if single {
		d.Must("multiple", e.offset, "%s is a single resource and stands as Resource Instances", d.ctx.Base)
		return
	}
	d.Should("bare-instances", e.offset, "Resource Instances stand without the Multiple Resource around them")
}

// resourceInstance reads the payload for a resource instance (since 1.1): its one element, be it bare
// or within the Multiple Resource, which the specification leaves open.
func (d *decoder) resourceInstance(payload []byte) {
	base := d.ctx.Base
	if len(payload) == 0 {
		d.Must("empty", 0, "an empty payload holds no value of %s", base)
	}
	for _, e := range d.split(payload, 0, base.Parent()) {
		switch {
		case e.kind == resourceInstance:
			d.sole(e)
		case e.kind == multipleResource && e.id == base.Resource():
			for _, r := range d.split(e.value, e.body, base.Parent()) {
				if r.kind == resourceInstance {
					d.sole(r)
				} else {
					d.misplaced(r, "within a Multiple Resource, where Resource Instances are due")
				}
			}
		default:
			d.misplaced(e, "in the payload for "+base.String())
		}
	}
}

// sole reads the resource instance that the request names.
func (d *decoder) sole(e element) {
	if e.id != d.ctx.Base.ResourceInstance() {
		d.Must("resource-id", e.offset, "%s has id %d, the request names %s", e.kind, e.id, d.ctx.Base)
	}
	d.value(d.child(d.ctx.Base.Parent(), e), e)
}

func (d *decoder) value(p lwm2m.Path, e element) {
	d.add(p, readValue(&d.List, p, d.ctx.Type(p), e), e.offset)
}
