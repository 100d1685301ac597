package coap

import (
	"fmt"
	"strconv"
	"strings"
)

// The codes of RFC 7252 section 12.1, RFC 7959, RFC 8132, RFC 8516 and RFC 8323.
const (
	Empty  Code = 0x00
	GET    Code = 0x01
	POST   Code = 0x02
	PUT    Code = 0x03
	DELETE Code = 0x04
	FETCH  Code = 0x05
	PATCH  Code = 0x06
	IPATCH Code = 0x07

	Created  Code = 2<<5 | 1
	Deleted  Code = 2<<5 | 2
	Valid    Code = 2<<5 | 3
	Changed  Code = 2<<5 | 4
	Content  Code = 2<<5 | 5
	Continue Code = 2<<5 | 31

	BadRequest               Code = 4 << 5
	Unauthorized             Code = 4<<5 | 1
	BadOption                Code = 4<<5 | 2
	Forbidden                Code = 4<<5 | 3
	NotFound                 Code = 4<<5 | 4
	MethodNotAllowed         Code = 4<<5 | 5
	NotAcceptable            Code = 4<<5 | 6
	RequestEntityIncomplete  Code = 4<<5 | 8
	Conflict                 Code = 4<<5 | 9
	PreconditionFailed       Code = 4<<5 | 12
	RequestEntityTooLarge    Code = 4<<5 | 13
	UnsupportedContentFormat Code = 4<<5 | 15
	UnprocessableEntity      Code = 4<<5 | 22
	TooManyRequests          Code = 4<<5 | 29

	InternalServerError  Code = 5 << 5
	NotImplemented       Code = 5<<5 | 1
	BadGateway           Code = 5<<5 | 2
	ServiceUnavailable   Code = 5<<5 | 3
	GatewayTimeout       Code = 5<<5 | 4
	ProxyingNotSupported Code = 5<<5 | 5

	CSM     Code = 7<<5 | 1
	Ping    Code = 7<<5 | 2
	Pong    Code = 7<<5 | 3
	Release Code = 7<<5 | 4
	Abort   Code = 7<<5 | 5
)

var codeNames = map[Code]string{
	Empty: "Empty", GET: "GET", POST: "POST", PUT: "PUT", DELETE: "DELETE", FETCH: "FETCH", PATCH: "PATCH", IPATCH: "iPATCH",
	Created: "Created", Deleted: "Deleted", Valid: "Valid", Changed: "Changed", Content: "Content", Continue: "Continue",
	BadRequest: "Bad Request", Unauthorized: "Unauthorized", BadOption: "Bad Option", Forbidden: "Forbidden",
	NotFound: "Not Found", MethodNotAllowed: "Method Not Allowed", NotAcceptable: "Not Acceptable",
	RequestEntityIncomplete: "Request Entity Incomplete", Conflict: "Conflict", PreconditionFailed: "Precondition Failed",
	RequestEntityTooLarge: "Request Entity Too Large", UnsupportedContentFormat: "Unsupported Content-Format",
	UnprocessableEntity: "Unprocessable Entity", TooManyRequests: "Too Many Requests",
	InternalServerError: "Internal Server Error", NotImplemented: "Not Implemented", BadGateway: "Bad Gateway",
	ServiceUnavailable: "Service Unavailable", GatewayTimeout: "Gateway Timeout", ProxyingNotSupported: "Proxying Not Supported",
	CSM: "CSM", Ping: "Ping", Pong: "Pong", Release: "Release", Abort: "Abort",
}

// Class is the upper three bits: 0 request or empty, 2 success, 4 client error, 5 server error, 7 signalling.
func (c Code) Class() int { return int(c >> 5) }

// Detail is the lower five bits.
func (c Code) Detail() int { return int(c & 0x1f) }

// IsRequest reports a method code, known or not.
func (c Code) IsRequest() bool { return c.Class() == 0 && c != Empty }

// IsResponse reports a code of class 2, 4 or 5.
func (c Code) IsResponse() bool { return c.Class() == 2 || c.Class() == 4 || c.Class() == 5 }

// Dotted is the code as the RFCs print it: "2.05".
func (c Code) Dotted() string { return fmt.Sprintf("%d.%02d", c.Class(), c.Detail()) }

// ParseCode reads a code as the RFCs print it, "2.05".
func ParseCode(s string) (Code, error) {
	class, detail, ok := strings.Cut(s, ".")
	c, err1 := strconv.ParseUint(class, 10, 3)
	d, err2 := strconv.ParseUint(detail, 10, 5)
	if !ok || err1 != nil || err2 != nil || len(class) != 1 || len(detail) != 2 {
		return 0, fmt.Errorf("%q is no code: it is written like 2.05", s)
	}
	return Code(c<<5 | d), nil
}

// Name is the registered name, "GET" or "Content"; the dotted code where there is none.
func (c Code) Name() string {
	if n, ok := codeNames[c]; ok {
		return n
	}
	return c.Dotted()
}

// String is the dotted code with its name: "2.05 Content".
func (c Code) String() string {
	if n, ok := codeNames[c]; ok {
		return c.Dotted() + " " + n
	}
	return c.Dotted()
}
