package tlv

import (
	"encoding/binary"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

// element is one TLV.
type element struct {
	kind   kind
	id     uint16
	value  []byte
	offset int // of the type byte
	body   int // of the value
}

// space tells identifiers apart that may be equal: those of object instances, of resources, single or
// multiple, and of resource instances.
func (e element) space() kind {
	if e.kind == multipleResource {
		return resource
	}
	return e.kind
}

// framer cuts bytes into elements.
type framer struct {
	findings.List
}

// split cuts the bytes of one level, which begin at byte at of the payload. Where an element is cut
// off, reading of the level ends with a finding.
func (f *framer) split(b []byte, at int, parent lwm2m.Path) []element {
	var out []element
	for pos := 0; pos < len(b); {
		e, n := f.element(b[pos:], at+pos)
		if n == 0 {
			break
		}
		out = append(out, e)
		pos += n
	}
	f.unique(out, parent)
	return out
}

// element reads the first element of b; n is its size, 0 when it is cut off.
func (f *framer) element(b []byte, at int) (e element, n int) {
	t := b[0]
	e = element{kind: kind(t >> 6), offset: at}
	width := int(t >> 3 & 3)
	header := 2 + width
	if t&wideID != 0 {
		header++
	}
	if len(b) < header {
		f.Must("cut", at, "the header of an element takes %d bytes, %d are left; they are not read", header, len(b))
		return e, 0
	}
	if t&wideID != 0 {
		e.id = binary.BigEndian.Uint16(b[1:])
	} else {
		e.id = uint16(b[1])
	}
	length := int(t & shortMask)
	if width > 0 {
		length = 0
		for _, c := range b[header-width : header] {
			length = length<<8 | int(c)
		}
	}
	if left := len(b) - header; left < length {
		f.Must("cut", at, "%s with id %d announces %d bytes, %d are left; they are not read", e.kind, e.id, length, left)
		return e, 0
	}
	f.advise(t, e, length)
	e.value, e.body = b[header:header+length], at+header
	return e, header + length
}

// advise notes a header that is wider than it has to be, or bits that are to be 0 (but are ignored).
func (f *framer) advise(t byte, e element, length int) {
	width := int(t >> 3 & 3)
	if t&wideID != 0 && e.id < 256 {
		f.Should("shortest-id", e.offset, "the id %d is written with 16 bits", e.id)
	}
	if width > lengthWidth(length) {
		f.Should("shortest-length", e.offset, "the length %d is written in a field of %d bytes", length, width)
	}
	if width > 0 && t&shortMask != 0 {
		f.Should("length-bits", e.offset, "bits 2-0 of the type byte are %d beside a length field, 0 is due", t&shortMask)
	}
}

// unique notes elements of one level with the same id. Identifiers mostly ascend, which needs no set.
func (f *framer) unique(es []element, parent lwm2m.Path) {
	key := func(e element) int { return int(e.space())<<16 | int(e.id) }
	ascend := true
	for i := 1; i < len(es) && ascend; i++ {
		ascend = key(es[i-1]) < key(es[i])
	}
	if ascend {
		return
	}
	seen := make(map[int]bool, len(es))
	for _, e := range es {
		if seen[key(e)] {
			f.Must("duplicate", e.offset, "%s with id %d stands twice at %s", e.kind, e.id, parent)
		}
		seen[key(e)] = true
	}
}
