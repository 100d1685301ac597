// Package tlv reads and writes application/vnd.oma.lwm2m+tlv (11542), Core 7.4.3 (1.1: 7.5.5).
package tlv

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// kind is bits 7 and 6 of the type byte.
type kind uint8

const (
	objectInstance kind = iota
	resourceInstance
	multipleResource
	resource
)

var kindNames = [...]string{"Object Instance", "Resource Instance", "Multiple Resource", "Resource"}

func (k kind) String() string { return kindNames[k] }

// element is one TLV.
type element struct {
	kind   kind
	id     uint16
	value  []byte
	offset int // of the type byte
	body   int // of the value
}

type decoder struct {
	ctx      lwm2m.DecodeContext
	tree     lwm2m.Tree
	findings []lwm2m.Finding
	seen     map[lwm2m.Path]bool
}

// Decode reads a payload. Without a type from the model a value is taken as Opaque, since TLV does not
// tell. Elements at a place where they may not stand are read as far as they make sense.
func Decode(payload []byte, ctx lwm2m.DecodeContext) (lwm2m.Tree, []lwm2m.Finding) {
	d := decoder{ctx: ctx, seen: map[lwm2m.Path]bool{}}
	elements := d.split(payload, 0)
	switch ctx.Base.Level() {
	case lwm2m.LevelRoot:
		d.note("base", lwm2m.MUST, 0, "TLV names no object, so it cannot answer a request without one (Core 7.4.3)")
	case lwm2m.LevelObject:
		d.object(elements)
	case lwm2m.LevelInstance:
		d.instanceTarget(elements)
	case lwm2m.LevelResource:
		d.resourceTarget(elements, payload)
	case lwm2m.LevelResourceInstance:
		d.resourceInstanceTarget(elements)
	}
	return d.tree, d.findings
}

func (d *decoder) note(rule string, level lwm2m.RuleLevel, offset int, format string, args ...any) {
	d.findings = append(d.findings, lwm2m.Finding{Rule: "tlv." + rule, Level: level, Offset: offset, Text: fmt.Sprintf(format, args...)})
}

// split cuts bytes into elements; what is cut off or left over is a finding.
func (d *decoder) split(b []byte, at int) []element {
	var out []element
	for pos := 0; pos < len(b); {
		e, n, ok := d.element(b[pos:], at+pos)
		if !ok {
			return out
		}
		out = append(out, e)
		pos += n
	}
	return out
}

func (d *decoder) element(b []byte, at int) (element, int, bool) {
	t := b[0]
	e := element{kind: kind(t >> 6), offset: at}
	need := 2
	if t&0x20 != 0 {
		need++
	}
	lengthBytes := int(t >> 3 & 3)
	need += lengthBytes
	if len(b) < need {
		d.note("cut", lwm2m.MUST, at, "the header of an element needs %d bytes, %d are left", need, len(b))
		return e, 0, false
	}
	if t&0x20 != 0 {
		e.id = binary.BigEndian.Uint16(b[1:])
	} else {
		e.id = uint16(b[1])
	}
	length := int(t & 7)
	if lengthBytes > 0 {
		if length != 0 {
			d.note("length-bits", lwm2m.SHOULD, at, "bits 2-0 of the type byte are %d although a length field follows; 0 is sent", length)
		}
		length = 0
		for _, c := range b[need-lengthBytes : need] {
			length = length<<8 | int(c)
		}
	}
	if len(b)-need < length {
		d.note("cut", lwm2m.MUST, at, "the %s with id %d announces %d bytes, %d are left", e.kind, e.id, length, len(b)-need)
		return e, 0, false
	}
	d.shortest(t, e, length, at)
	e.value, e.body = b[need:need+length], at+need
	if e.id == lwm2m.MaxID {
		d.note("id", lwm2m.MUST, at, "the id 65535 is reserved (Core 7.4)")
	}
	return e, need + length, true
}

// shortest notes an identifier or a length written wider than it has to be.
func (d *decoder) shortest(t byte, e element, length, at int) {
	if t&0x20 != 0 && e.id < 256 {
		d.note("shortest-id", lwm2m.SHOULD, at, "the id %d is written with 16 bits", e.id)
	}
	if n := int(t >> 3 & 3); n > lengthWidth(length) {
		d.note("shortest-length", lwm2m.SHOULD, at, "the length %d is written with %d bytes", length, n)
	}
}

func lengthWidth(n int) int {
	switch {
	case n < 8:
		return 0
	case n < 1<<8:
		return 1
	case n < 1<<16:
		return 2
	}
	return 3
}

func (d *decoder) object(es []element) {
	for _, e := range es {
		if e.kind != objectInstance {
			d.note("instance-missing", lwm2m.MUST, e.offset, "a %s stands where Object Instance elements are mandatory: the request names no instance (Core 7.4.3)", e.kind)
			continue
		}
		d.instance(d.ctx.Base.Child(e.id), e)
	}
}

func (d *decoder) instance(p lwm2m.Path, e element) {
	d.once(p, e)
	before := len(d.tree.Nodes)
	d.resources(p, d.split(e.value, e.body))
	if len(d.tree.Nodes) == before {
		d.tree.Nodes = append(d.tree.Nodes, lwm2m.Node{Path: p, Value: lwm2m.NoValue, Offset: e.offset})
	}
}

func (d *decoder) instanceTarget(es []element) {
	base := d.ctx.Base
	if len(es) == 0 {
		d.tree.Nodes = append(d.tree.Nodes, lwm2m.Node{Path: base, Value: lwm2m.NoValue})
		return
	}
	var bare []element
	for _, e := range es {
		if e.kind != objectInstance {
			bare = append(bare, e)
			continue
		}
		if e.id != base.Instance() {
			d.note("instance-id", lwm2m.MUST, e.offset, "the Object Instance has id %d, the request names %s", e.id, base)
		}
		d.instance(base.Parent().Child(e.id), e)
	}
	d.resources(base, bare)
}

func (d *decoder) resources(p lwm2m.Path, es []element) {
	for _, e := range es {
		switch e.kind {
		case resource, multipleResource:
			d.resource(p.Child(e.id), e)
		case objectInstance, resourceInstance:
			d.note("nesting", lwm2m.MUST, e.offset, "a %s stands where resources are due", e.kind)
		}
	}
}

func (d *decoder) resource(p lwm2m.Path, e element) {
	d.once(p, e)
	multiple, known := d.ctx.Multiple(p)
	if e.kind == resource {
		if known && multiple {
			d.note("multiple", lwm2m.MUST, e.offset, "%s is a multiple resource and stands as a single Resource element (Core 7.4.3)", p)
		}
		d.value(p, e)
		return
	}
	if known && !multiple {
		d.note("multiple", lwm2m.MUST, e.offset, "%s is a single resource and stands as a Multiple Resource element", p)
	}
	d.resourceInstances(p, e)
}

func (d *decoder) resourceInstances(p lwm2m.Path, e element) {
	inner := d.split(e.value, e.body)
	if len(inner) == 0 {
		d.tree.Nodes = append(d.tree.Nodes, lwm2m.Node{Path: p, Value: lwm2m.NoValue, Offset: e.offset})
	}
	for _, r := range inner {
		if r.kind != resourceInstance {
			d.note("nesting", lwm2m.MUST, r.offset, "a %s stands within a Multiple Resource, where Resource Instances are due", r.kind)
			continue
		}
		d.once(p.Child(r.id), r)
		d.value(p.Child(r.id), r)
	}
}

// resourceTarget reads the answer to a request on a resource.
func (d *decoder) resourceTarget(es []element, payload []byte) {
	base := d.ctx.Base
	multiple, known := d.ctx.Multiple(base)
	if len(payload) == 0 {
		if known && !multiple {
			d.note("empty", lwm2m.MUST, 0, "an empty payload holds no value of %s", base)
		}
		d.tree.Nodes = append(d.tree.Nodes, lwm2m.Node{Path: base, Value: lwm2m.NoValue})
		return
	}
	for _, e := range es {
		switch e.kind {
		case resource, multipleResource:
			if e.id != base.Resource() {
				d.note("resource-id", lwm2m.MUST, e.offset, "the element has id %d, the request names %s", e.id, base)
			}
			d.resource(base.Parent().Child(e.id), e)
		case resourceInstance:
			d.note("bare-instances", lwm2m.SHOULD, e.offset, "Resource Instances stand without the Multiple Resource around them")
			d.once(base.Child(e.id), e)
			d.value(base.Child(e.id), e)
		case objectInstance:
			d.note("nesting", lwm2m.MUST, e.offset, "an Object Instance answers a request on a resource")
		}
	}
}

func (d *decoder) resourceInstanceTarget(es []element) {
	base := d.ctx.Base
	for _, e := range es {
		switch {
		case e.kind == resourceInstance && e.id == base.ResourceInstance():
			d.once(base, e)
			d.value(base, e)
		case e.kind == multipleResource && e.id == base.Resource():
			d.resourceInstances(base.Parent(), e)
		default:
			d.note("resource-id", lwm2m.MUST, e.offset, "a %s with id %d answers a request on %s", e.kind, e.id, base)
		}
	}
}

func (d *decoder) once(p lwm2m.Path, e element) {
	if d.seen[p] {
		d.note("duplicate", lwm2m.MUST, e.offset, "%s stands twice", p)
	}
	d.seen[p] = true
}

func (d *decoder) value(p lwm2m.Path, e element) {
	v, problem, level := Value(d.ctx.Type(p), e.value)
	if problem != "" {
		d.note("value", level, e.body, "%s: %s", p, problem)
	}
	d.tree.Nodes = append(d.tree.Nodes, lwm2m.Node{Path: p, Value: v, Offset: e.offset})
}

// Value reads the bytes of one value (Core appendix C). A value that its type does not allow comes
// back as Opaque with the problem; a wide integer is read and advised against.
func Value(t lwm2m.Type, b []byte) (lwm2m.Value, string, lwm2m.RuleLevel) {
	bad := func(format string, args ...any) (lwm2m.Value, string, lwm2m.RuleLevel) {
		return lwm2m.OpaqueValue(b), fmt.Sprintf(format, args...), lwm2m.MUST
	}
	switch t {
	case lwm2m.String, lwm2m.CoreLink:
		if !utf8.Valid(b) {
			return bad("the text is not valid UTF-8")
		}
		if t == lwm2m.CoreLink {
			return lwm2m.CoreLinkValue(string(b)), "", ""
		}
		return lwm2m.StringValue(string(b)), "", ""
	case lwm2m.Integer, lwm2m.Time, lwm2m.Unsigned:
		return number(t, b)
	case lwm2m.Float:
		switch len(b) {
		case 4:
			return lwm2m.FloatValue(float64(math.Float32frombits(binary.BigEndian.Uint32(b)))), "", ""
		case 8:
			return lwm2m.FloatValue(math.Float64frombits(binary.BigEndian.Uint64(b))), "", ""
		}
		return bad("a Float has 4 or 8 bytes, not %d", len(b))
	case lwm2m.Boolean:
		if len(b) != 1 || b[0] > 1 {
			return bad("a Boolean is one byte, 0 or 1, not %x", b)
		}
		return lwm2m.BooleanValue(b[0] == 1), "", ""
	case lwm2m.ObjectLink:
		if len(b) != 4 {
			return bad("an Objlnk has 4 bytes, not %d", len(b))
		}
		return lwm2m.ObjectLinkValue(binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])), "", ""
	case lwm2m.None:
		return bad("an executable resource has no value")
	case lwm2m.Opaque, lwm2m.Unknown:
	}
	return lwm2m.OpaqueValue(b), "", ""
}

func number(t lwm2m.Type, b []byte) (lwm2m.Value, string, lwm2m.RuleLevel) {
	var u uint64
	for _, c := range b[:min(len(b), 8)] {
		u = u<<8 | uint64(c)
	}
	shift := 64 - 8*min(len(b), 8)
	i := int64(u<<shift) >> shift
	switch len(b) {
	case 1, 2, 4, 8:
	default:
		return lwm2m.OpaqueValue(b), fmt.Sprintf("an integer has 1, 2, 4 or 8 bytes, not %d", len(b)), lwm2m.MUST
	}
	var v lwm2m.Value
	shortest := len(encodeSigned(i))
	switch t {
	case lwm2m.Unsigned:
		v, shortest = lwm2m.UnsignedValue(u), len(encodeUnsigned(u))
	case lwm2m.Time:
		v = lwm2m.TimeValue(i)
	default:
		v = lwm2m.IntegerValue(i)
	}
	if shortest < len(b) {
		return v, fmt.Sprintf("the integer is written with %d bytes, %d would do", len(b), shortest), lwm2m.SHOULD
	}
	return v, "", ""
}

func encodeSigned(i int64) []byte {
	switch {
	case i == int64(int8(i)):
		return []byte{byte(i)}
	case i == int64(int16(i)):
		return binary.BigEndian.AppendUint16(nil, uint16(i))
	case i == int64(int32(i)):
		return binary.BigEndian.AppendUint32(nil, uint32(i))
	}
	return binary.BigEndian.AppendUint64(nil, uint64(i))
}

func encodeUnsigned(u uint64) []byte {
	switch {
	case u < 1<<8:
		return []byte{byte(u)}
	case u < 1<<16:
		return binary.BigEndian.AppendUint16(nil, uint16(u))
	case u < 1<<32:
		return binary.BigEndian.AppendUint32(nil, uint32(u))
	}
	return binary.BigEndian.AppendUint64(nil, u)
}
