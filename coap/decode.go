package coap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// maxOptionFindings bounds the findings on the options of one message; those that make it malformed
// are never left out.
const maxOptionFindings = 64

// maxDatagram is the largest message to send while nothing is known of the path (RFC 7252 section 4.6).
const maxDatagram = 1152

// decoder walks one message and notes every departure from its format with the offset.
type decoder struct {
	v   View
	raw []byte
	pos int
	tcp bool
}

// Decode reads a datagram. It never fails and loses nothing: the message is as far as it can be read,
// Rest is what could not be, Raw holds every byte, and each departure from the format is a finding. The
// input is copied.
func Decode(datagram []byte) View {
	raw := bytes.Clone(datagram)
	d := decoder{raw: raw, v: View{Raw: raw}}
	if d.header() && d.token(int(raw[0]&15)) {
		d.body()
	}
	if len(raw) >= 4 {
		d.judge()
	}
	return d.v
}

func (d *decoder) note(rule, level string, offset int, format string, args ...any) {
	d.v.Findings = append(d.v.Findings, Finding{Rule: rule, Level: level, Offset: offset, Text: fmt.Sprintf(format, args...)})
}

// stop keeps what is left as Rest; nothing behind offset at can be read.
func (d *decoder) stop(at int) {
	d.v.Rest = d.raw[at:]
	d.pos = len(d.raw)
}

func (d *decoder) header() bool {
	if len(d.raw) < 4 {
		d.note(RuleHeader, LevelMust, 0, "the datagram has %d bytes, a CoAP header has 4 (RFC 7252 section 3)", len(d.raw))
		d.stop(0)
		return false
	}
	d.v.Version = d.raw[0] >> 6
	if d.v.Version != 1 {
		d.note(RuleVersion, LevelMust, 0, "the version is %d instead of 1 (RFC 7252 section 3)", d.v.Version)
	}
	d.v.Type = Type(d.raw[0] >> 4 & 3)
	d.v.Code = Code(d.raw[1])
	d.v.MessageID = binary.BigEndian.Uint16(d.raw[2:])
	d.pos = 4
	return true
}

// token reads n bytes of token; a reserved n is noted and taken at its word.
func (d *decoder) token(n int) bool {
	if n > 8 {
		d.note(RuleTokenLength, LevelMust, 0, "the token length is %d, 9 to 15 are reserved (RFC 7252 section 3)", n)
	}
	if left := len(d.raw) - d.pos; left < n {
		d.note(RuleTokenCut, LevelMust, d.pos, "the token has %d bytes, %d are left in the message (RFC 7252 section 3)", n, left)
		d.stop(d.pos)
		return false
	}
	d.v.Token = d.take(n)
	return true
}

// take cuts out the next n bytes, which must be there.
func (d *decoder) take(n int) []byte {
	b := d.raw[d.pos : d.pos+n : d.pos+n]
	d.pos += n
	return b
}

func (d *decoder) body() {
	number := 0
	for d.pos < len(d.raw) {
		at := d.pos
		if d.raw[at] == 0xff {
			d.pos++
			d.v.Payload = d.take(len(d.raw) - d.pos)
			if len(d.v.Payload) == 0 {
				d.note(RuleMarker, LevelMust, at, "a payload marker has no payload behind it (RFC 7252 section 3)")
				d.stop(at)
			}
			return
		}
		delta, length, ok := d.optionHeader(at)
		if !ok {
			d.stop(at)
			return
		}
		if number += delta; number > 0xffff {
			d.note(RuleOptionNumber, LevelMust, at, "the option number is %d, 65535 is the greatest (RFC 7252 section 12.2)", number)
			d.stop(at)
			return
		}
		o := Option{Number: OptionNumber(number)}
		if left := len(d.raw) - d.pos; left < length {
			d.note(RuleOptionCut, LevelMust, at, "%s has %d bytes, %d are left in the message (RFC 7252 section 3.1)", o.Number, length, left)
			d.stop(at)
			return
		}
		o.Value = d.take(length)
		d.option(at, o)
		d.v.Options = append(d.v.Options, o)
	}
}

// optionHeader reads the delta and the length of the option at offset at.
func (d *decoder) optionHeader(at int) (delta, length int, ok bool) {
	head := d.raw[at]
	d.pos++
	if delta, ok = d.extended(at, head>>4, "delta"); !ok {
		return 0, 0, false
	}
	length, ok = d.extended(at, head&15, "length")
	return delta, length, ok
}

// extended reads an option delta or length nibble with its extension. The three ranges do not overlap,
// so there is only one way to write a number (RFC 7252 section 3.1).
func (d *decoder) extended(at int, nibble byte, what string) (int, bool) {
	left := len(d.raw) - d.pos
	switch {
	case nibble == 15:
		d.note(RuleOptionNibble, LevelMust, at, "the option %s nibble is 15, which is reserved for the payload marker (RFC 7252 section 3.1)", what)
		return 0, false
	case nibble < 13:
		return int(nibble), true
	case nibble == 13 && left >= 1:
		return int(d.take(1)[0]) + 13, true
	case nibble == 14 && left >= 2:
		return int(binary.BigEndian.Uint16(d.take(2))) + 269, true
	}
	d.note(RuleOptionCut, LevelMust, at, "the extended option %s is cut off (RFC 7252 section 3.1)", what)
	return 0, false
}

// option judges one option by the registry (RFC 7252 sections 3.2, 5.4.3, 5.4.5).
func (d *decoder) option(at int, o Option) {
	if len(d.v.Findings) >= maxOptionFindings {
		return
	}
	i, known := infoFor(d.v.Code, o.Number)
	if !known {
		if o.Number.Reserved() && d.v.Code.Class() != 7 {
			d.note(RuleOptionReserved, LevelShould, at, "option number %d is reserved and means nothing (RFC 7252 section 12.2)", o.Number)
		}
		return
	}
	if n := len(o.Value); n < i.Min || n > i.Max {
		d.note(RuleOptionLength, LevelMust, at, "%s has %d bytes, %s (RFC 7252 section 5.4.3)", i.Name, n, i.allowed())
		return
	}
	if i.Kind == KindUint && len(o.Value) > 0 && o.Value[0] == 0 {
		d.note(RuleOptionUint, LevelShould, at, "%s is written with leading zero bytes, the shortest form is asked for (RFC 7252 section 3.2)", i.Name)
	}
	if i.Kind == KindString && !utf8.Valid(o.Value) {
		d.note(RuleOptionText, LevelMust, at, "%s is not UTF-8 (RFC 7252 section 3.2)", i.Name)
	}
	once := !i.Repeatable || o.Number == ETag && d.v.Code.IsResponse()
	// Options stand in the order of their numbers, so the same one can only be the last.
	if n := len(d.v.Options); n > 0 && d.v.Options[n-1].Number == o.Number && once {
		d.note(RuleOptionRepeated, LevelMust, at, "%s occurs more than once (RFC 7252 section 5.4.5)", i.Name)
	}
	d.value(at, o)
}

// value judges what stands in an option whose form is right.
func (d *decoder) value(at int, o Option) {
	if d.v.Code.Class() == 7 {
		return
	}
	switch o.Number {
	case URIPath:
		if s := string(o.Value); s == "." || s == ".." {
			d.note(RulePathDots, LevelMust, at, "Uri-Path %q is not allowed (RFC 7252 section 5.10.1)", s)
		}
	case Block1, Block2:
		if v, _ := o.Uint(); v&7 == 7 && !d.tcp {
			d.note(RuleBlockSize, LevelMust, at, "%s has the size exponent 7, which is reserved (RFC 7959 section 2.2)", o.Number)
		}
	}
}

// judge looks at what type and code say together, and at the whole (RFC 7252 sections 4.1 to 4.3, 4.6,
// 12.1).
func (d *decoder) judge() {
	c, t := d.v.Code, d.v.Type
	switch k := c.Class(); {
	case c == Empty && len(d.raw) > 4:
		d.note(RuleEmptyContent, LevelMust, 4, "an Empty message has %d bytes behind its header (RFC 7252 section 4.1)", len(d.raw)-4)
	case k == 1 || k == 3 || k == 6:
		d.note(RuleCodeClass, LevelMust, 1, "code %s is of a reserved class (RFC 7252 section 3)", c.Dotted())
	case k == 7:
		d.note(RuleCodeClass, LevelMust, 1, "code %s is for signalling, which there is only over reliable transports (RFC 8323 section 5)", c.Dotted())
	}
	switch {
	case t == NonConfirmable && c == Empty:
		d.note(RuleEmptyType, LevelMust, 0, "a Non-confirmable message is Empty (RFC 7252 section 4.3)")
	case t == Reset && c != Empty:
		d.note(RuleResetContent, LevelMust, 1, "a Reset carries code %s instead of being Empty (RFC 7252 section 4.2)", c.Dotted())
	case t == Acknowledgement && c.IsRequest():
		d.note(RuleACKCode, LevelMust, 1, "an Acknowledgement carries the request %s (RFC 7252 section 4.2)", c)
	}
	if len(d.raw) > maxDatagram {
		d.note(RuleSize, LevelShould, 0, "the message has %d bytes, %d are the bound unless more is known of the path (RFC 7252 section 4.6)", len(d.raw), maxDatagram)
	}
}
