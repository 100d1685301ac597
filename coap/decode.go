package coap

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// decoder walks one datagram and notes every departure from RFC 7252 section 3 with its offset.
type decoder struct {
	v   View
	raw []byte
	pos int
}

// Decode reads a datagram. It never fails and loses nothing: the message is as far as it can be read,
// Raw holds every byte, and each departure from the format is a finding. The input is copied.
func Decode(datagram []byte) View {
	raw := bytes.Clone(datagram)
	d := decoder{raw: raw, v: View{Raw: raw}}
	if d.header() && d.token() {
		d.body()
	}
	d.judge()
	return d.v
}

func (d *decoder) note(rule, level string, offset int, format string, args ...any) {
	d.v.Findings = append(d.v.Findings, Finding{Rule: "coap." + rule, Level: level, Offset: offset, Text: fmt.Sprintf(format, args...)})
}

func (d *decoder) header() bool {
	if len(d.raw) < 4 {
		d.note("header", "MUST", 0, "the datagram has %d bytes, a CoAP header has 4 (RFC 7252 section 3)", len(d.raw))
		return false
	}
	d.v.Version = d.raw[0] >> 6
	if d.v.Version != 1 {
		d.note("version", "MUST", 0, "the version is %d instead of 1 (RFC 7252 section 3)", d.v.Version)
	}
	d.v.Type = Type(d.raw[0] >> 4 & 3)
	d.v.Code = Code(d.raw[1])
	d.v.MessageID = binary.BigEndian.Uint16(d.raw[2:])
	d.pos = 4
	return true
}

func (d *decoder) token() bool {
	n := int(d.raw[0] & 15)
	if n > 8 {
		d.note("token-length", "MUST", 0, "the token length is %d, 9 to 15 are reserved (RFC 7252 section 3)", n)
		return false
	}
	if len(d.raw)-d.pos < n {
		d.note("token-cut", "MUST", d.pos, "the token has %d bytes, %d are left in the datagram", n, len(d.raw)-d.pos)
		d.v.Token = d.raw[d.pos:]
		return false
	}
	d.v.Token = d.raw[d.pos : d.pos+n : d.pos+n]
	d.pos += n
	return true
}

func (d *decoder) body() {
	number := 0
	for d.pos < len(d.raw) {
		at := d.pos
		if d.raw[at] == 0xff {
			d.v.Payload = d.raw[at+1:]
			if len(d.v.Payload) == 0 {
				d.note("payload-marker", "MUST", at, "a payload marker with no payload after it (RFC 7252 section 3)")
			}
			return
		}
		head := d.raw[at]
		d.pos++
		delta, ok1 := d.extended(at, head>>4, "delta")
		length, ok2 := 0, false
		if ok1 {
			length, ok2 = d.extended(at, head&15, "length")
		}
		if !ok1 || !ok2 {
			return
		}
		number += delta
		if number > 0xffff {
			d.note("option-number", "MUST", at, "the option number is %d, beyond 65535", number)
			return
		}
		if len(d.raw)-d.pos < length {
			d.note("option-cut", "MUST", at, "%s has %d bytes, %d are left in the datagram", OptionNumber(number), length, len(d.raw)-d.pos)
			d.v.Options = append(d.v.Options, Option{OptionNumber(number), d.raw[d.pos:]})
			return
		}
		o := Option{OptionNumber(number), d.raw[d.pos : d.pos+length : d.pos+length]}
		d.option(at, o)
		d.v.Options = append(d.v.Options, o)
		d.pos += length
	}
}

// extended reads an option delta or length nibble with its extension (RFC 7252 section 3.1).
func (d *decoder) extended(at int, nibble byte, what string) (int, bool) {
	switch nibble {
	case 13:
		if len(d.raw)-d.pos < 1 {
			break
		}
		d.pos++
		return int(d.raw[d.pos-1]) + 13, true
	case 14:
		if len(d.raw)-d.pos < 2 {
			break
		}
		d.pos += 2
		return int(binary.BigEndian.Uint16(d.raw[d.pos-2:])) + 269, true
	case 15:
		d.note("option-nibble", "MUST", at, "the option %s nibble is 15, which is reserved for the payload marker (RFC 7252 section 3.1)", what)
		return 0, false
	default:
		return int(nibble), true
	}
	d.note("option-cut", "MUST", at, "the extended option %s is cut off", what)
	return 0, false
}

// option judges one option by the registry (RFC 7252 sections 3.2, 5.4.3, 5.4.5).
func (d *decoder) option(at int, o Option) {
	if o.Number == 0 {
		d.note("option-reserved", "MUST", at, "option number 0 is reserved (RFC 7252 section 12.2)")
		return
	}
	i, known := o.Number.Info()
	if !known {
		return
	}
	if d.v.Code.Class() == 7 {
		return
	}
	if n := len(o.Value); n < i.Min || n > i.Max {
		d.note("option-length", "MUST", at, "%s has %d bytes, %d to %d are allowed", o.Number, n, i.Min, i.Max)
	} else if i.Kind == KindUint && n > 0 && o.Value[0] == 0 {
		d.note("option-uint", "SHOULD", at, "%s is written with leading zero bytes; the shortest form is asked for (RFC 7252 section 3.2)", o.Number)
	}
	if _, twice := d.v.Get(o.Number); twice && (!i.Repeatable || o.Number == ETag && d.v.Code.IsResponse()) {
		d.note("option-repeated", "MUST", at, "%s occurs more than once (RFC 7252 section 5.4.5)", o.Number)
	}
	if s := string(o.Value); o.Number == URIPath && (s == "." || s == "..") {
		d.note("path-dots", "MUST", at, "Uri-Path %q is not allowed (RFC 7252 section 5.10.1)", s)
	}
}

// judge looks at what type and code say together (RFC 7252 sections 4.1 to 4.3, 12.1).
func (d *decoder) judge() {
	if len(d.raw) < 4 {
		return
	}
	c, t := d.v.Code, d.v.Type
	if c == Empty {
		if len(d.raw) > 4 {
			d.note("empty-content", "MUST", 4, "an Empty message has %d bytes after its header (RFC 7252 section 4.1)", len(d.raw)-4)
		}
		if t == NonConfirmable {
			d.note("empty-type", "MUST", 0, "a Non-confirmable message is Empty (RFC 7252 section 4.3)")
		}
		return
	}
	if k := c.Class(); k == 1 || k == 3 || k == 6 {
		d.note("code-class", "MUST", 1, "code %s is of a reserved class (RFC 7252 section 12.1)", c.Dotted())
	} else if k == 7 {
		d.note("code-class", "MUST", 1, "code %s is a signalling code, which UDP does not have (RFC 8323 section 5)", c.Dotted())
	}
	if t == Reset {
		d.note("reset-content", "MUST", 1, "a Reset carries code %s instead of being Empty (RFC 7252 section 4.2)", c.Dotted())
	}
	if t == Acknowledgement && c.IsRequest() {
		d.note("acknowledgement-code", "MUST", 1, "an Acknowledgement carries the request code %s (RFC 7252 section 4.2)", c.Dotted())
	}
}

// Malformed reports whether the datagram breaks the message format, so that a receiver has to reject
// it (RFC 7252 section 4.2): by a Reset when it is Confirmable, by silence otherwise.
func (v View) Malformed() bool {
	for _, f := range v.Findings {
		switch f.Rule {
		case "coap.header", "coap.version", "coap.token-length", "coap.token-cut", "coap.option-cut", "coap.option-nibble",
			"coap.option-number", "coap.payload-marker", "coap.empty-content", "coap.empty-type", "coap.reset-content", "coap.acknowledgement-code":
			return true
		}
	}
	return false
}
