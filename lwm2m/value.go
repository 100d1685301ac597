package lwm2m

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// Type is a data type of Core appendix C.
type Type uint8

// The data types. None is the type of an executable resource and of a node that holds no value;
// Unknown says that neither the model nor the encoding tells the type.
const (
	Unknown Type = iota
	None
	String
	Integer
	Unsigned
	Float
	Boolean
	Opaque
	Time
	ObjectLink
	CoreLink
)

var typeNames = [...]string{"unknown", "none", "string", "integer", "unsigned", "float", "boolean", "opaque", "time", "objlnk", "corelnk"}

// String is the short name of the type, as the command line and the JSON output spell it.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

// ParseType reads a short type name.
func ParseType(s string) (Type, error) {
	for i, n := range typeNames {
		if n == s {
			return Type(i), nil
		}
	}
	return Unknown, fmt.Errorf("%q is no data type: use string, integer, unsigned, float, boolean, opaque, time, objlnk or corelnk", s)
}

// Value is one typed value; the zero value is "no value". Values are immutable: Opaque copies.
type Value struct {
	typ Type
	s   string // String, CoreLink and the bytes of Opaque
	n   uint64 // Integer and Time (two's complement), Unsigned, Float (IEEE 754 bits), Boolean, ObjectLink (object<<16 | instance)
}

// StringValue makes a String.
func StringValue(s string) Value { return Value{typ: String, s: s} }

// CoreLinkValue makes a Corelnk: link-format text.
func CoreLinkValue(s string) Value { return Value{typ: CoreLink, s: s} }

// IntegerValue makes an Integer.
func IntegerValue(i int64) Value { return Value{typ: Integer, n: uint64(i)} }

// UnsignedValue makes an Unsigned Integer.
func UnsignedValue(u uint64) Value { return Value{typ: Unsigned, n: u} }

// FloatValue makes a Float.
func FloatValue(f float64) Value { return Value{typ: Float, n: math.Float64bits(f)} }

// BooleanValue makes a Boolean.
func BooleanValue(b bool) Value {
	v := Value{typ: Boolean}
	if b {
		v.n = 1
	}
	return v
}

// OpaqueValue makes an Opaque of a copy of b.
func OpaqueValue(b []byte) Value { return Value{typ: Opaque, s: string(b)} }

// TimeValue makes a Time of seconds since 1970-01-01 UTC.
func TimeValue(s int64) Value { return Value{typ: Time, n: uint64(s)} }

// ObjectLinkValue makes an Objlnk; MaxID in both is the null link.
func ObjectLinkValue(object, instance uint16) Value {
	return Value{typ: ObjectLink, n: uint64(object)<<16 | uint64(instance)}
}

// Type is the type of the value, Unknown for the zero value.
func (v Value) Type() Type { return v.typ }

// Text is the text of a String or Corelnk.
func (v Value) Text() string { return v.s }

// Bytes is a copy of an Opaque's bytes.
func (v Value) Bytes() []byte { return []byte(v.s) }

// Int is the number of an Integer or Time.
func (v Value) Int() int64 { return int64(v.n) }

// Uint is the number of an Unsigned.
func (v Value) Uint() uint64 { return v.n }

// Float is the number of a Float.
func (v Value) Float() float64 { return math.Float64frombits(v.n) }

// Bool is the truth of a Boolean.
func (v Value) Bool() bool { return v.n != 0 }

// Link is the object and the instance of an Objlnk.
func (v Value) Link() (object, instance uint16) { return uint16(v.n >> 16), uint16(v.n) }

// Equal compares by meaning: same type and value, or two numeric types with the same number. A NaN
// equals a NaN.
func (v Value) Equal(w Value) bool {
	if v.typ == w.typ {
		if v.typ == Float {
			a, b := v.Float(), w.Float()
			return a == b || math.IsNaN(a) && math.IsNaN(b)
		}
		return v.s == w.s && v.n == w.n
	}
	textual := func(t Type) bool { return t == String || t == CoreLink }
	if textual(v.typ) && textual(w.typ) {
		return v.s == w.s
	}
	a, aok := v.number()
	b, bok := w.number()
	return aok && bok && a.cmp(b)
}

// number holds a numeric value so that 64-bit extremes compare exactly.
type number struct {
	neg   bool
	abs   uint64
	f     float64
	exact bool
}

func (v Value) number() (number, bool) {
	switch v.typ {
	case Integer, Time:
		i := v.Int()
		if i < 0 {
			return number{neg: true, abs: -uint64(i), f: float64(i), exact: true}, true
		}
		return number{abs: uint64(i), f: float64(i), exact: true}, true
	case Unsigned:
		return number{abs: v.n, f: float64(v.n), exact: true}, true
	case Float:
		return number{f: v.Float()}, true
	}
	return number{}, false
}

func (a number) cmp(b number) bool {
	if a.exact && b.exact {
		return a.neg == b.neg && a.abs == b.abs
	}
	return a.f == b.f
}

// String shows the value for people: text quoted, opaque as hex, a link as "1:2". Whoever shows it on
// a terminal need not escape it again.
func (v Value) String() string {
	switch v.typ {
	case String, CoreLink:
		return strconv.QuoteToGraphic(v.s)
	case Integer:
		return strconv.FormatInt(v.Int(), 10)
	case Time:
		return strconv.FormatInt(v.Int(), 10) + " s"
	case Unsigned:
		return strconv.FormatUint(v.n, 10)
	case Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case Boolean:
		return strconv.FormatBool(v.Bool())
	case Opaque:
		var b bytes.Buffer
		b.WriteString("h'")
		hex.NewEncoder(&b).Write([]byte(v.s))
		b.WriteByte('\'')
		return b.String()
	case ObjectLink:
		o, i := v.Link()
		return fmt.Sprintf("%d:%d", o, i)
	}
	return "(no value)"
}
