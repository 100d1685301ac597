package coap

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Scheme is a URI scheme of CoAP.
type Scheme string

// The schemes of RFC 7252 section 6 and RFC 8323 section 8.
const (
	SchemeCoAP     Scheme = "coap"
	SchemeCoAPS    Scheme = "coaps"
	SchemeCoAPTCP  Scheme = "coap+tcp"
	SchemeCoAPSTCP Scheme = "coaps+tcp"
)

// DefaultPort is the port of a URI that names none: 5683, with security 5684; 0 for other schemes.
func (s Scheme) DefaultPort() uint16 {
	switch s {
	case SchemeCoAP, SchemeCoAPTCP:
		return 5683
	case SchemeCoAPS, SchemeCoAPSTCP:
		return 5684
	}
	return 0
}

// Secure reports a scheme over DTLS or TLS.
func (s Scheme) Secure() bool { return s == SchemeCoAPS || s == SchemeCoAPSTCP }

// Reliable reports a scheme over TCP.
func (s Scheme) Reliable() bool { return s == SchemeCoAPTCP || s == SchemeCoAPSTCP }

// The characters besides the unreserved ones that stand literally in the parts of a URI (RFC 3986
// sections 3.2.2, 3.3, 3.4); in an argument an ampersand would end it (RFC 7252 section 6.4).
const (
	hostLiteral  = "!$&'()*+,;="
	pathLiteral  = hostLiteral + ":@"
	queryLiteral = "!$'()*+,;=:@/?"
)

// URI is a CoAP URI taken apart as RFC 7252 section 6.4 asks for. A relative reference, "/rd?ep=a",
// has neither scheme nor host.
type URI struct {
	Scheme Scheme
	Host   string // lower case; an IP address without brackets
	Port   uint16 // the scheme's default where the URI names none
	Path   []string
	Query  []string
}

// ParseURI reads an absolute URI of the schemes above, or an absolute path with an optional query. Dot
// segments are resolved. The error names what is wrong in one sentence.
func ParseURI(s string) (URI, error) {
	u, err := parseURI(s)
	if err != nil {
		return URI{}, fmt.Errorf("the URI %q %w", s, err)
	}
	return u, nil
}

func parseURI(s string) (u URI, err error) {
	if strings.Contains(s, "#") {
		return u, fmt.Errorf("has a fragment, which a CoAP URI cannot have")
	}
	rest := s
	if !strings.HasPrefix(s, "/") {
		scheme, after, ok := strings.Cut(s, "://")
		if !ok {
			return u, fmt.Errorf("begins with neither a scheme and \"://\" nor a slash")
		}
		u.Scheme = Scheme(strings.ToLower(scheme))
		if u.Scheme.DefaultPort() == 0 {
			return u, fmt.Errorf("has the scheme %q instead of coap, coaps, coap+tcp or coaps+tcp", scheme)
		}
		end := strings.IndexAny(after, "/?")
		if end < 0 {
			end = len(after)
		}
		rest = after[end:]
		if u.Host, u.Port, err = parseAuthority(after[:end], u.Scheme.DefaultPort()); err != nil {
			return u, err
		}
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	if u.Path, err = parsePath(path); err != nil {
		return u, err
	}
	if hasQuery {
		u.Query, err = decodeAll(strings.Split(query, "&"), queryLiteral)
	}
	return u, err
}

// parseAuthority reads host and port; user information is no part of a CoAP URI.
func parseAuthority(s string, port uint16) (string, uint16, error) {
	if strings.Contains(s, "@") {
		return "", 0, fmt.Errorf("has user information, which a CoAP URI cannot have")
	}
	host, digits := s, ""
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, digits = s[:i], s[i+1:]
	}
	if digits != "" {
		p, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return "", 0, fmt.Errorf("has the port %q, which is no number from 0 to 65535", digits)
		}
		port = uint16(p)
	}
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !strings.HasSuffix(host, "]") || !a.Is6() || a.Zone() != "" {
			return "", 0, fmt.Errorf("has the host %s, which is no IPv6 address in brackets", host)
		}
		return a.String(), port, nil
	}
	if strings.Contains(host, ":") {
		return "", 0, fmt.Errorf("has an IPv6 address without brackets or more than one port")
	}
	name, err := percentDecode(host, hostLiteral)
	switch {
	case err != nil:
		return "", 0, err
	case name == "":
		return "", 0, fmt.Errorf("has no host")
	case len(name) > 255:
		return "", 0, fmt.Errorf("has a host of %d bytes, Uri-Host takes 255", len(name))
	}
	return strings.ToLower(name), port, nil
}

// parsePath splits, decodes and resolves dot segments (RFC 3986 section 5.2.4). A lone slash and an
// empty path are the same (RFC 7252 section 6.4, step 8).
func parsePath(s string) ([]string, error) {
	if s == "" || s == "/" {
		return nil, nil
	}
	segments, err := decodeAll(strings.Split(s[1:], "/"), pathLiteral)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, g := range segments {
		if g == ".." && len(out) > 0 {
			out = out[:len(out)-1]
		}
		if g != "." && g != ".." {
			out = append(out, g)
		} else if i == len(segments)-1 {
			out = append(out, "")
		}
	}
	if len(out) == 1 && out[0] == "" {
		return nil, nil
	}
	return out, nil
}

// decodeAll percent-decodes path segments or query arguments, each of which becomes one option.
func decodeAll(parts []string, literal string) ([]string, error) {
	out := make([]string, len(parts))
	for i, p := range parts {
		d, err := percentDecode(p, literal)
		if err != nil {
			return nil, err
		}
		if len(d) > 255 {
			return nil, fmt.Errorf("has a part of %d bytes, an option takes 255", len(d))
		}
		out[i] = d
	}
	return out, nil
}

func percentDecode(s, literal string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			v, err := strconv.ParseUint(s[i+1:min(i+3, len(s))], 16, 8)
			if err != nil || i+3 > len(s) {
				return "", fmt.Errorf("has %q, a percent sign without two hexadecimal digits", s[i:min(i+3, len(s))])
			}
			b.WriteByte(byte(v))
			i += 2
		case stands(c, literal):
			b.WriteByte(c)
		default:
			return "", fmt.Errorf("has the byte %q where it has to be percent-encoded", c)
		}
	}
	if !utf8.ValidString(b.String()) {
		return "", fmt.Errorf("has %q, which is not UTF-8", s)
	}
	return b.String(), nil
}

// String writes the URI (RFC 7252 section 6.5): everything that need not be literal is encoded, the
// default port is left out, and there is always a path.
func (u URI) String() string {
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(string(u.Scheme) + "://" + u.authority())
	}
	for _, p := range u.Path {
		b.WriteString("/" + percentEncode(p, pathLiteral))
	}
	if len(u.Path) == 0 {
		b.WriteString("/")
	}
	for i, q := range u.Query {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(percentEncode(q, queryLiteral))
	}
	return b.String()
}

func (u URI) authority() string {
	host := percentEncode(u.Host, hostLiteral)
	if a, err := netip.ParseAddr(u.Host); err == nil && a.Is6() {
		host = "[" + a.String() + "]"
	}
	if u.Port != u.Scheme.DefaultPort() {
		host += ":" + strconv.Itoa(int(u.Port))
	}
	return host
}

// percentEncode encodes everything but the unreserved characters of RFC 3986 section 2.3 and literal.
func percentEncode(s, literal string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; stands(c, literal) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// stands reports whether a character needs no encoding: it is unreserved or literal.
func stands(c byte, literal string) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~"+literal, c) >= 0
}

// Options gives the options of a request for the URI that is sent to the destination (RFC 7252 section
// 6.4): Uri-Host unless the host is the destination's address, Uri-Port unless it is the destination's
// port, one Uri-Path per segment, one Uri-Query per argument. Without a host neither is there.
func (u URI) Options(destination netip.AddrPort) []Option {
	var m Message
	if a, err := netip.ParseAddr(u.Host); u.Host != "" && (err != nil || a.Unmap() != destination.Addr().Unmap()) {
		m.AddStrings(URIHost, u.Host)
	}
	if u.Host != "" && u.Port != destination.Port() {
		m.AddUint(URIPort, uint64(u.Port))
	}
	m.AddStrings(URIPath, u.Path...)
	m.AddStrings(URIQuery, u.Query...)
	return m.Options
}

// RequestURI composes the URI of a request from its options and from the address it was sent to (RFC
// 7252 section 6.5). An empty scheme gives the relative reference.
func RequestURI(m Message, s Scheme, destination netip.AddrPort) URI {
	u := URI{Path: slices.Clone(m.Path()), Query: slices.Clone(m.Queries())}
	if s == "" {
		return u
	}
	u.Scheme, u.Host, u.Port = s, destination.Addr().Unmap().String(), destination.Port()
	if h, ok := m.Get(URIHost); ok {
		u.Host = string(h.Value)
	}
	if p, ok := m.Uint(URIPort); ok {
		u.Port = uint16(p)
	}
	return u
}

// FormatURI writes the relative reference of a request, "/rd?ep=a", for reports and logs.
func FormatURI(m Message) string { return RequestURI(m, "", netip.AddrPort{}).String() }
