package tlv

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

// readValue reads the bytes of a value of type t (Core appendix C). What its type does not allow comes
// back as Opaque with a finding.
func readValue(l *findings.List, p lwm2m.Path, t lwm2m.Type, e element) lwm2m.Value {
	b := e.value
	switch t {
	case lwm2m.String, lwm2m.CoreLink:
		switch {
		case !utf8.Valid(b):
			l.Must("utf8", e.body, "the text of %s is not valid UTF-8", p)
		case t == lwm2m.CoreLink:
			return lwm2m.CoreLinkValue(string(b))
		default:
			return lwm2m.StringValue(string(b))
		}
	case lwm2m.Integer, lwm2m.Time, lwm2m.Unsigned:
		return readInteger(l, p, t, e)
	case lwm2m.Float:
		switch len(b) {
		case 4:
			return lwm2m.FloatValue(float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
		case 8:
			return lwm2m.FloatValue(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
		l.Must("float-length", e.body, "the Float %s has %d bytes, 4 or 8 are due", p, len(b))
	case lwm2m.Boolean:
		switch {
		case len(b) != 1:
			l.Must("boolean-length", e.body, "the Boolean %s has %d bytes, 1 is due", p, len(b))
		case b[0] > 1:
			l.Must("boolean-value", e.body, "the Boolean %s is %d, 0 or 1 is due", p, b[0])
		default:
			return lwm2m.BooleanValue(b[0] == 1)
		}
	case lwm2m.ObjectLink:
		if len(b) == 4 {
			return lwm2m.ObjectLinkValue(binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]))
		}
		l.Must("objlnk-length", e.body, "the Objlnk %s has %d bytes, 4 are due", p, len(b))
	case lwm2m.None:
		l.Must("executable", e.body, "%s is executable and has no value, here are %d bytes of one", p, len(b))
	case lwm2m.Opaque, lwm2m.Unknown:
	}
	return lwm2m.OpaqueValue(b)
}

// readInteger reads two's complement, or an unsigned number, of 1, 2, 4 or 8 bytes, whichever holds it;
// the shortest is advised. Other sizes up to 8 bytes are read with a finding.
func readInteger(l *findings.List, p lwm2m.Path, t lwm2m.Type, e element) lwm2m.Value {
	b := e.value
	n := len(b)
	legal := n == 1 || n == 2 || n == 4 || n == 8
	if !legal {
		l.Must("integer-length", e.body, "the %s %s has %d bytes, 1, 2, 4 or 8 are due", t, p, n)
	}
	if n == 0 || n > 8 {
		return lwm2m.OpaqueValue(b)
	}
	var u uint64
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	shift := 64 - 8*n
	i := int64(u<<shift) >> shift
	var v lwm2m.Value
	shortest := signedWidth(i)
	switch t {
	case lwm2m.Unsigned:
		v, shortest = lwm2m.UnsignedValue(u), unsignedWidth(u)
	case lwm2m.Time:
		v = lwm2m.TimeValue(i)
	default:
		v = lwm2m.IntegerValue(i)
	}
	if legal && shortest < n {
		l.Should("integer-shortest", e.body, "the %s %s is written with %d bytes, %d would do", t, p, n, shortest)
	}
	return v
}

func signedWidth(i int64) int {
	switch {
	case i == int64(int8(i)):
		return 1
	case i == int64(int16(i)):
		return 2
	case i == int64(int32(i)):
		return 4
	}
	return 8
}

func unsignedWidth(u uint64) int {
	switch {
	case u < 1<<8:
		return 1
	case u < 1<<16:
		return 2
	case u < 1<<32:
		return 4
	}
	return 8
}
