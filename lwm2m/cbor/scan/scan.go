// Package scan reads CBOR (RFC 8949) item by item and keeps what other decoders hide: the offset of
// everything, lengths that are not in their shortest form, indefinite lengths, duplicate keys in their
// order. It judges well-formedness only.
package scan

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// Item is one data item.
type Item struct {
	Major      byte   // 0 to 7
	Argument   uint64 // the number, the length or count, the tag, the bits of a float or simple value
	Info       byte   // additional information, 0 to 31
	Bytes      []byte // content of a byte or text string
	Children   []Item // of an array in order; of a map key, value, key, value; of a tag the one item
	Indefinite bool
	Offset     int // of the initial byte
	End        int // behind the last byte
}

// Note is a peculiarity that is no error.
type Note struct {
	Offset int
	Text   string
}

// Bounds against input that is made to exhaust a decoder.
const maxDepth = 64

type scanner struct {
	b     []byte
	pos   int
	notes []Note
}

// One reads exactly one item; bytes after it are an error that comes with the item.
func One(b []byte) (Item, []Note, error) {
	s := scanner{b: b}
	it, err := s.item(0)
	if err == nil && s.pos < len(b) {
		err = &Error{s.pos, fmt.Sprintf("%d bytes follow the item", len(b)-s.pos)}
	}
	return it, s.notes, err
}

// Error is why bytes are no well-formed CBOR, and where.
type Error struct {
	Offset int
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Text) }

func (s *scanner) fail(at int, format string, args ...any) error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

func (s *scanner) item(depth int) (Item, error) {
	at := s.pos
	if depth > maxDepth {
		return Item{}, s.fail(at, "items are nested deeper than %d", maxDepth)
	}
	if at >= len(s.b) {
		return Item{}, s.fail(at, "an item is missing")
	}
	it := Item{Offset: at, Major: s.b[at] >> 5, Info: s.b[at] & 31}
	s.pos++
	if err := s.argument(&it); err != nil {
		return it, err
	}
	var err error
	switch it.Major {
	case 2, 3:
		err = s.text(&it, depth)
	case 4:
		err = s.children(&it, 1, depth)
	case 5:
		err = s.children(&it, 2, depth)
	case 6:
		var c Item
		c, err = s.item(depth + 1)
		it.Children = []Item{c}
	}
	it.End = s.pos
	return it, err
}

func (s *scanner) argument(it *Item) error {
	switch {
	case it.Info < 24:
		it.Argument = uint64(it.Info)
	case it.Info < 28:
		n := 1 << (it.Info - 24)
		if len(s.b)-s.pos < n {
			return s.fail(it.Offset, "the head of an item is cut off")
		}
		for _, c := range s.b[s.pos : s.pos+n] {
			it.Argument = it.Argument<<8 | uint64(c)
		}
		s.pos += n
		if it.Major < 7 && (n == 1 && it.Argument < 24 || n > 1 && it.Argument < 1<<(4*n)) {
			s.notes = append(s.notes, Note{it.Offset, fmt.Sprintf("%d is not written in its shortest form", it.Argument)})
		}
		if it.Major == 7 && n == 1 && it.Argument < 32 {
			return s.fail(it.Offset, "a simple value below 32 is written with two bytes")
		}
	case it.Info == 31 && it.Major >= 2 && it.Major <= 5:
		it.Indefinite = true
	default:
		return s.fail(it.Offset, "additional information %d of major type %d is reserved", it.Info, it.Major)
	}
	return nil
}

func (s *scanner) text(it *Item, depth int) error {
	if !it.Indefinite {
		if uint64(len(s.b)-s.pos) < it.Argument {
			return s.fail(it.Offset, "a string of %d bytes is announced, %d are left", it.Argument, len(s.b)-s.pos)
		}
		n := int(it.Argument)
		it.Bytes = s.b[s.pos : s.pos+n : s.pos+n]
		s.pos += n
	} else if err := s.chunks(it, depth); err != nil {
		return err
	}
	if it.Major == 3 && !utf8.Valid(it.Bytes) {
		return s.fail(it.Offset, "a text string is not valid UTF-8")
	}
	return nil
}

func (s *scanner) chunks(it *Item, depth int) error {
	for {
		if s.pos >= len(s.b) {
			return s.fail(it.Offset, "an indefinite string is not ended")
		}
		if s.b[s.pos] == 0xff {
			s.pos++
			return nil
		}
		c, err := s.item(depth + 1)
		if err != nil {
			return err
		}
		if c.Major != it.Major || c.Indefinite {
			return s.fail(c.Offset, "a chunk of an indefinite string is of another kind")
		}
		it.Bytes = append(it.Bytes, c.Bytes...)
	}
}

func (s *scanner) children(it *Item, per uint64, depth int) error {
	if !it.Indefinite && it.Argument > uint64(len(s.b)-s.pos)/per {
		return s.fail(it.Offset, "%d elements are announced, %d bytes are left", it.Argument, len(s.b)-s.pos)
	}
	for n := uint64(0); it.Indefinite || n < it.Argument*per; n++ {
		if it.Indefinite {
			if s.pos >= len(s.b) {
				return s.fail(it.Offset, "an indefinite array or map is not ended")
			}
			if s.b[s.pos] == 0xff {
				if n%per != 0 {
					return s.fail(s.pos, "a map ends after a key")
				}
				s.pos++
				break
			}
		}
		c, err := s.item(depth + 1)
		if err != nil {
			return err
		}
		it.Children = append(it.Children, c)
	}
	return nil
}

// Int reads an integer of major type 0 or 1; ok is false outside of int64.
func (it Item) Int() (int64, bool) {
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
func (it Item) Float() (float64, bool) {
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
	if h&0x8000 != 0 {
		f = -f
	}
	return f
}

// Bool reads true or false.
func (it Item) Bool() (v, ok bool) {
	return it.Info == 21, it.Major == 7 && (it.Info == 20 || it.Info == 21)
}

// Null reports the simple value null.
func (it Item) Null() bool { return it.Major == 7 && it.Info == 22 }

// Head writes the head of an item in its shortest form.
func Head(b []byte, major byte, n uint64) []byte {
	m := major << 5
	switch {
	case n < 24:
		return append(b, m|byte(n))
	case n < 1<<8:
		return append(b, m|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, m|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, m|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, m|27), n)
}
