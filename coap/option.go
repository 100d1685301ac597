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

// String is the format's name in the RFC.
func (k OptionKind) String() string {
	return [...]string{"opaque", "uint", "string", "empty"}[k&3]
}

// OptionInfo is what the registry says of an option.
type OptionInfo struct {
	Name       string
	Kind       OptionKind
	Min, Max   int // length in bytes
	Repeatable bool
}

// allowed says the bounds of the length in words.
func (i OptionInfo) allowed() string {
	if i.Min == i.Max {
		return fmt.Sprintf("%d are allowed", i.Min)
	}
	return fmt.Sprintf("%d to %d are allowed", i.Min, i.Max)
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

// infoFor is the registry's entry for an option in a message with the code: signalling messages have
// options of their own, numbered per code (RFC 8323 section 5.2).
func infoFor(c Code, n OptionNumber) (i OptionInfo, ok bool) {
	if c.Class() == 7 {
		i, ok = signalOptions[c][n]
		return i, ok
	}
	return n.Info()
}

// Info is the registry's entry; ok is false for an option it does not know.
func (n OptionNumber) Info() (i OptionInfo, ok bool) { i, ok = options[n]; return i, ok }

// Critical options must be understood or the message be refused (RFC 7252 section 5.4.1).
func (n OptionNumber) Critical() bool { return n&1 == 1 }

// Unsafe options must not be forwarded by a proxy that does not know them (RFC 7252 section 5.4.2).
func (n OptionNumber) Unsafe() bool { return n&2 == 2 }

// NoCacheKey options are no part of the cache key; only a safe option can be one (RFC 7252 section
// 5.4.2).
func (n OptionNumber) NoCacheKey() bool { return n&0x1e == 0x1c }

// Reserved numbers are never to be assigned (RFC 7252 section 12.2).
func (n OptionNumber) Reserved() bool {
	return n == 0 || n == 128 || n == 132 || n == 136 || n == 140
}

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
func (o Option) String() string { return o.format(options[o.Number].Kind) }

func (o Option) format(k OptionKind) string {
	switch k {
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
