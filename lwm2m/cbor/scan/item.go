package scan

import "math"

// Int reads an integer of major type 0 or 1; ok is false for anything else and outside of int64.
func (it Item) Int() (i int64, ok bool) {
	if it.Argument > math.MaxInt64 {
		return 0, false
	}
	switch it.Major {
	case 0:
		return int64(it.Argument), true
	case 1:
		return -1 - int64(it.Argument), true
	}
	return 0, false
}

// Float reads a half, single or double precision float.
func (it Item) Float() (f float64, ok bool) {
	if it.Major != 7 {
		return 0, false
	}
	switch it.Info {
	case 25:
		return half(uint16(it.Argument)), true
	case 26:
		return float64(math.Float32frombits(uint32(it.Argument))), true
	case 27:
		return math.Float64frombits(it.Argument), true
	}
	return 0, false
}

// half widens a half precision float (IEEE 754 binary16).
func half(h uint16) float64 {
	exp, mant := int(h>>10&31), float64(h&0x3ff)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(mant, -24)
	case 31:
		f = math.Inf(1)
		if mant != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mant+1024, exp-25)
	}
	return math.Copysign(f, 1-float64(h>>15)*2)
}

// Bool reads true or false.
func (it Item) Bool() (v, ok bool) {
	return it.Info == 21, it.Major == 7 && (it.Info == 20 || it.Info == 21)
}

// Null reports the simple value null.
func (it Item) Null() bool { return it.Major == 7 && it.Info == 22 }

var kinds = [...]string{
	"an unsigned integer", "a negative integer", "a byte string", "a text string", "an array", "a map", "a tagged item",
}

// Kind names what the item is, with its article, for texts like "a byte string stands here".
func (it Item) Kind() string {
	switch {
	case it.Major < 7:
		return kinds[it.Major]
	case it.Info >= 25 && it.Info <= 27:
		return "a float"
	case it.Info == 20 || it.Info == 21:
		return "a Boolean"
	case it.Info == 22:
		return "null"
	case it.Info == 23:
		return "undefined"
	}
	return "a simple value"
}
