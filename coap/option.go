package coap

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// The option numbers (RFC 7252 section 12.2, RFC 7641, 7959, 7967, 8613, 9175).
const (
	IfMatch       OptionNumber = 1
	URIHost       OptionNumber = 3
	ETag          OptionNumber = 4
	IfNoneMatch   OptionNumber = 5
	Observe       OptionNumber = 6
	URIPort       OptionNumber = 7
	LocationPath  OptionNumber = 8
	OSCORE        OptionNumber = 9
	URIPath       OptionNumber = 11
	ContentFormat OptionNumber = 12
	MaxAge        OptionNumber = 14
	URIQuery      OptionNumber = 15
	Accept        OptionNumber = 17
	LocationQuery OptionNumber = 20
	Block2        OptionNumber = 23
	Block1        OptionNumber = 27
	Size2         OptionNumber = 28
	ProxyURI      OptionNumber = 35
	ProxyScheme   OptionNumber = 39
	Size1         OptionNumber = 60
	Echo          OptionNumber = 252
	NoResponse    OptionNumber = 258
	RequestTag    OptionNumber = 292
)

// OptionKind is how an option's value is written.
type OptionKind uint8

// The value formats of RFC 7252 section 3.2.
const (
	KindOpaque OptionKind = iota
	KindUint
	KindString
	KindEmpty
)

// OptionInfo is what the registry says of an option.
type OptionInfo struct {
	Name       string
	Kind       OptionKind
	Min, Max   int // length in bytes
	Repeatable bool
}

var options = map[OptionNumber]OptionInfo{
	IfMatch:       {"If-Match", KindOpaque, 0, 8, true},
	URIHost:       {"Uri-Host", KindString, 1, 255, false},
	ETag:          {"ETag", KindOpaque, 1, 8, true},
	IfNoneMatch:   {"If-None-Match", KindEmpty, 0, 0, false},
	Observe:       {"Observe", KindUint, 0, 3, false},
	URIPort:       {"Uri-Port", KindUint, 0, 2, false},
	LocationPath:  {"Location-Path", KindString, 0, 255, true},
	OSCORE:        {"OSCORE", KindOpaque, 0, 255, false},
	URIPath:       {"Uri-Path", KindString, 0, 255, true},
	ContentFormat: {"Content-Format", KindUint, 0, 2, false},
	MaxAge:        {"Max-Age", KindUint, 0, 4, false},
	URIQuery:      {"Uri-Query", KindString, 0, 255, true},
	Accept:        {"Accept", KindUint, 0, 2, false},
	LocationQuery: {"Location-Query", KindString, 0, 255, true},
	Block2:        {"Block2", KindUint, 0, 3, false},
	Block1:        {"Block1", KindUint, 0, 3, false},
	Size2:         {"Size2", KindUint, 0, 4, false},
	ProxyURI:      {"Proxy-Uri", KindString, 1, 1034, false},
	ProxyScheme:   {"Proxy-Scheme", KindString, 1, 255, false},
	Size1:         {"Size1", KindUint, 0, 4, false},
	Echo:          {"Echo", KindOpaque, 1, 40, false},
	NoResponse:    {"No-Response", KindUint, 0, 1, false},
	RequestTag:    {"Request-Tag", KindOpaque, 0, 8, true},
}

// Info is the registry's entry; ok is false for an option it does not know.
func (n OptionNumber) Info() (i OptionInfo, ok bool) { i, ok = options[n]; return i, ok }

// Critical options must be understood or the message be refused (RFC 7252 section 5.4.1).
func (n OptionNumber) Critical() bool { return n&1 == 1 }

// String is the registered name, or the number.
func (n OptionNumber) String() string {
	if i, ok := options[n]; ok {
		return i.Name
	}
	return "option " + strconv.Itoa(int(n))
}

// Uint reads the value as an unsigned integer; more than eight bytes are no number.
func (o Option) Uint() (v uint64, ok bool) {
	if len(o.Value) > 8 {
		return 0, false
	}
	for _, b := range o.Value {
		v = v<<8 | uint64(b)
	}
	return v, true
}

// String shows the value by the registry's format: a number, quoted text, else hex.
func (o Option) String() string {
	i := options[o.Number]
	switch i.Kind {
	case KindUint:
		if v, ok := o.Uint(); ok {
			return strconv.FormatUint(v, 10)
		}
	case KindString:
		return strconv.QuoteToGraphic(string(o.Value))
	case KindEmpty, KindOpaque:
	}
	return hex.EncodeToString(o.Value)
}

// EncodeUint writes an unsigned integer in its shortest form; zero is empty (RFC 7252 section 3.2).
func EncodeUint(v uint64) []byte {
	var b []byte
	for ; v > 0; v >>= 8 {
		b = append(b, byte(v))
	}
	slices.Reverse(b)
	return b
}

// Add inserts an option behind those of lower or equal number, so that a message built by Add alone
// is in order.
func (m *Message) Add(n OptionNumber, value []byte) {
	i := len(m.Options)
	for i > 0 && m.Options[i-1].Number > n {
		i--
	}
	m.Options = slices.Insert(m.Options, i, Option{n, value})
}

// AddUint adds an option with an unsigned integer value.
func (m *Message) AddUint(n OptionNumber, v uint64) { m.Add(n, EncodeUint(v)) }

// AddStrings adds one option per string.
func (m *Message) AddStrings(n OptionNumber, ss ...string) {
	for _, s := range ss {
		m.Add(n, []byte(s))
	}
}

// Remove takes out every option of the number.
func (m *Message) Remove(n OptionNumber) {
	m.Options = slices.DeleteFunc(m.Options, func(o Option) bool { return o.Number == n })
}

// Get gives the first option of the number.
func (m *Message) Get(n OptionNumber) (Option, bool) {
	for _, o := range m.Options {
		if o.Number == n {
			return o, true
		}
	}
	return Option{}, false
}

func (m *Message) uint(n OptionNumber) (uint64, bool) {
	o, ok := m.Get(n)
	if !ok {
		return 0, false
	}
	return o.Uint()
}

func (m *Message) strings(n OptionNumber) []string {
	var out []string
	for _, o := range m.Options {
		if o.Number == n {
			out = append(out, string(o.Value))
		}
	}
	return out
}

// Path gives the Uri-Path segments.
func (m *Message) Path() []string { return m.strings(URIPath) }

// Queries gives the Uri-Query options.
func (m *Message) Queries() []string { return m.strings(URIQuery) }

// Location gives the Location-Path segments.
func (m *Message) Location() []string { return m.strings(LocationPath) }

// ContentFormat gives the Content-Format number.
func (m *Message) ContentFormat() (uint16, bool) {
	v, ok := m.uint(ContentFormat)
	return uint16(v), ok
}

// Accept gives the Accept number.
func (m *Message) Accept() (uint16, bool) { v, ok := m.uint(Accept); return uint16(v), ok }

// Observe gives the Observe value.
func (m *Message) Observe() (uint32, bool) { v, ok := m.uint(Observe); return uint32(v), ok }

// Block is the value of a Block1 or Block2 option (RFC 7959 section 2.2).
type Block struct {
	Num  uint32
	More bool
	SZX  uint8 // size exponent; 7 is reserved over UDP
}

// Size is the block size in bytes, 16 to 1024.
func (b Block) Size() int { return 1 << (b.SZX + 4) }

// Encode writes the option value.
func (b Block) Encode() []byte {
	v := uint64(b.Num)<<4 | uint64(b.SZX)
	if b.More {
		v |= 8
	}
	return EncodeUint(v)
}

// Block reads the Block1 or Block2 option.
func (m *Message) Block(n OptionNumber) (Block, bool) {
	v, ok := m.uint(n)
	if !ok {
		return Block{}, false
	}
	return Block{Num: uint32(v >> 4), More: v&8 != 0, SZX: uint8(v & 7)}, true
}

// String shows the message as one line for logs and errors.
func (m Message) String() string {
	s := fmt.Sprintf("%s %s, message ID %d, token %x", m.Type, m.Code, m.MessageID, m.Token)
	for _, o := range m.Options {
		s += fmt.Sprintf(", %s %s", o.Number, o)
	}
	if len(m.Payload) > 0 {
		s += fmt.Sprintf(", %d bytes of payload", len(m.Payload))
	}
	return s
}
