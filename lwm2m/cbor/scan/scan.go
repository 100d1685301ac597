// Package scan reads CBOR (RFC 8949) item by item and keeps what other decoders hide: the offset of
// everything, arguments that are not in their shortest form, indefinite lengths and their chunks, keys
// of any kind, duplicate keys in their order. It judges whether bytes are well-formed and text is
// UTF-8; what items mean, which keys may repeat and in which order they come is for its callers.
package scan

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

// Item is one data item.
type Item struct {
	Major      byte   // 0 to 7
	Info       byte   // additional information, 0 to 31
	Indefinite bool   // the length is not announced
	Incomplete bool   // an array, map or tag within which reading had to end
	Argument   uint64 // the number, the length or count, the tag, the bits of a float or simple value
	Bytes      []byte // content of a byte or text string; shares the payload's memory unless Indefinite
	// Children are the elements of an array in order, of a map key, value, key, value, of a tag the one
	// item, and of a string of indefinite length its chunks. Where reading ended early, a map may end
	// with a key and a tag may have none.
	Children []Item
	Offset   int // of the initial byte
	End      int // behind the last byte
}

// Rule says what a Note is about.
type Rule string

// The departures that do not end reading.
const (
	NotShortest Rule = "shortest" // an argument takes more bytes than it needs (RFC 8949 section 4.1 advises)
	InvalidUTF8 Rule = "utf8"     // a text string, or a chunk of one, is not UTF-8 (section 3.1, 3.2.3)
)

// Note is a departure at an item that is read nevertheless.
type Note struct {
	Rule   Rule
	Offset int
	Text   string
}

// Error is why bytes are not one well-formed data item, and where.
type Error struct {
	Rule   string // "trailing" for bytes after the item, else "malformed"
	Offset int
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Text) }

// Report puts what One gave into a list of findings.
func Report(l *findings.List, notes []Note, err *Error) {
	for _, n := range notes {
		if n.Rule == NotShortest {
			l.Should(string(n.Rule), n.Offset, "%s", n.Text)
		} else {
			l.Must(string(n.Rule), n.Offset, "%s", n.Text)
		}
	}
	if err != nil {
		l.Must(err.Rule, err.Offset, "%s", err.Text)
	}
}

const (
	// maxDepth bounds recursion; the deepest legal payload of LwM2M has six levels.
	maxDepth = 64
	// maxNotes bounds the notes: more of one kind in one payload tell nothing new.
	maxNotes = 1000
	// eager is for how many children memory is taken before they are seen, whatever is announced.
	eager = 32
)

type scanner struct {
	b     []byte
	pos   int
	notes []Note
}

// One reads exactly one item. With an error comes what could be read until there: containers with what
// they hold so far, but no item that is itself cut off. Time and memory are linear in the bytes.
func One(b []byte) (Item, []Note, *Error) {
	s := scanner{b: b}
	var it Item
	err := s.item(&it, 0)
	if err == nil && s.pos < len(b) {
		err = &Error{"trailing", s.pos, fmt.Sprintf("%d bytes follow the data item", len(b)-s.pos)}
	}
	return it, s.notes, err
}

func (s *scanner) fail(at int, format string, args ...any) *Error {
	return &Error{"malformed", at, fmt.Sprintf(format, args...) + "; nothing is read from there on"}
}

func (s *scanner) note(r Rule, at int, format string, args ...any) {
	if len(s.notes) < maxNotes {
		s.notes = append(s.notes, Note{r, at, fmt.Sprintf(format, args...)})
	}
}

func (s *scanner) item(it *Item, depth int) *Error {
	at := s.pos
	if depth > maxDepth {
		return s.fail(at, "items are nested more than %d deep", maxDepth)
	}
	if at >= len(s.b) {
		return s.fail(at, "a data item is missing at the end")
	}
	it.Offset, it.Major, it.Info = at, s.b[at]>>5, s.b[at]&31
	s.pos++
	err := s.argument(it)
	if err == nil {
		switch it.Major {
		case 2, 3:
			err = s.str(it, depth)
		case 4:
			err = s.children(it, 1, depth)
		case 5:
			err = s.children(it, 2, depth)
		case 6:
			it.Children = make([]Item, 0, 1)
			err = s.child(it, depth)
		}
	}
	it.End = s.pos
	it.Incomplete = err != nil && it.Major >= 4 && it.Major <= 6
	return err
}

func (s *scanner) argument(it *Item) *Error {
	switch {
	case it.Info < 24:
		it.Argument = uint64(it.Info)
	case it.Info < 28:
		n := 1 << (it.Info - 24)
		if len(s.b)-s.pos < n {
			return s.fail(it.Offset, "the head of an item takes %d bytes, %d are left", n+1, len(s.b)-it.Offset)
		}
		for _, c := range s.b[s.pos : s.pos+n] {
			it.Argument = it.Argument<<8 | uint64(c)
		}
		s.pos += n
		if it.Major < 7 && (n == 1 && it.Argument < 24 || n > 1 && it.Argument < 1<<(4*n)) {
			s.note(NotShortest, it.Offset, "the argument %d is written with %d bytes, fewer would do", it.Argument, n)
		}
		if it.Major == 7 && n == 1 && it.Argument < 32 {
			return s.fail(it.Offset, "the simple value %d is written with two bytes", it.Argument)
		}
	case it.Info == 31 && it.Major >= 2 && it.Major <= 5:
		it.Indefinite = true
	case it.Info == 31 && it.Major == 7:
		return s.fail(it.Offset, "a break stands where a data item is due")
	default:
		return s.fail(it.Offset, "the initial byte %02x is reserved", s.b[it.Offset])
	}
	return nil
}

func (s *scanner) str(it *Item, depth int) *Error {
	if it.Indefinite {
		return s.chunks(it, depth)
	}
	if left := len(s.b) - s.pos; uint64(left) < it.Argument {
		return s.fail(it.Offset, "a string of %d bytes is announced, %d are left", it.Argument, left)
	}
	end := s.pos + int(it.Argument)
	it.Bytes = s.b[s.pos:end:end]
	s.pos = end
	if it.Major == 3 && !utf8.Valid(it.Bytes) {
		s.note(InvalidUTF8, it.Offset, "a text string is not valid UTF-8")
	}
	return nil
}

// ended reports, and steps over, the break that ends an item of indefinite length.
func (s *scanner) ended() bool {
	if s.pos < len(s.b) && s.b[s.pos] == 0xff {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) chunks(it *Item, depth int) *Error {
	for !s.ended() {
		if s.pos >= len(s.b) {
			return s.fail(it.Offset, "a string of indefinite length is not ended")
		}
		if head := s.b[s.pos]; head>>5 != it.Major || head&31 == 31 {
			return s.fail(s.pos, "a chunk of a string of indefinite length is of another kind")
		}
		if err := s.child(it, depth); err != nil {
			return err
		}
		it.Bytes = append(it.Bytes, it.Children[len(it.Children)-1].Bytes...)
	}
	return nil
}

func (s *scanner) children(it *Item, per int, depth int) *Error {
	left := len(s.b) - s.pos
	if !it.Indefinite {
		it.Children = make([]Item, 0, min(uint64(per)*min(it.Argument, eager), uint64(left)))
	}
	for n := uint64(0); it.Indefinite || n < it.Argument; n++ {
		if it.Indefinite {
			if s.ended() {
				return nil
			}
			if s.pos >= len(s.b) {
				return s.fail(it.Offset, "an array or map of indefinite length is not ended")
			}
		} else if s.pos >= len(s.b) {
			return s.fail(it.Offset, "an array or map of %d elements is announced, it ends after %d", it.Argument, n)
		}
		if err := s.child(it, depth); err != nil {
			return err
		}
		if per == 1 {
			continue
		}
		if it.Indefinite && s.pos < len(s.b) && s.b[s.pos] == 0xff {
			return s.fail(s.pos, "a map is ended after a key")
		}
		if err := s.child(it, depth); err != nil {
			return err
		}
	}
	return nil
}

// child reads the next item into the children. One that is cut off is dropped, unless it is a container
// that may hold something.
func (s *scanner) child(it *Item, depth int) *Error {
	it.Children = append(it.Children, Item{})
	c := &it.Children[len(it.Children)-1]
	err := s.item(c, depth+1)
	if err != nil && !c.Incomplete {
		it.Children = it.Children[:len(it.Children)-1]
	}
	return err
}

// Head appends the head of an item in its shortest form.
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
