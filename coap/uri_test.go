package coap

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

type uriVector struct {
	Name    string
	URI     string
	Written string // what String gives; empty: URI itself
	Scheme  Scheme
	Host    string
	Port    uint16
	Path    []string
	Query   []string
	Error   string // a part of the error
}

func TestParseURI(t *testing.T) {
	for _, v := range readVectors[uriVector](t, "uri.json") {
		t.Run(v.Name, func(t *testing.T) {
			u, err := ParseURI(v.URI)
			if v.Error != "" {
				if err == nil || !strings.Contains(err.Error(), v.Error) {
					t.Errorf("%+v, %v instead of an error about %s", u, err, v.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if u.Scheme != v.Scheme || u.Host != v.Host || u.Port != v.Port || !slices.Equal(u.Path, v.Path) || !slices.Equal(u.Query, v.Query) {
				t.Errorf("%+v", u)
			}
			if v.Written == "" {
				v.Written = v.URI
			}
			if u.String() != v.Written {
				t.Errorf("written %s instead of %s", u, v.Written)
			}
		})
	}
}

func TestURIOptions(t *testing.T) {
	at := netip.MustParseAddrPort
	for _, c := range []struct {
		uri         string
		destination netip.AddrPort
		want        string
	}{
		{"coap://192.0.2.1/a", at("192.0.2.1:5683"), `/a`},
		{"coap://192.0.2.1/a", at("[::ffff:192.0.2.1]:5683"), `/a`},
		{"coap://192.0.2.1/a", at("192.0.2.2:5683"), `192.0.2.1/a`},
		{"coap://example.net/a?b=c&d", at("192.0.2.1:5683"), `example.net/a?b=c&d`},
		{"coap://[2001:db8::1]:5700/", at("[2001:db8::1]:5683"), `:5700/`},
		{"/rd?ep=a", at("192.0.2.1:5683"), `/rd?ep=a`},
	} {
		u, err := ParseURI(c.uri)
		if err != nil {
			t.Fatal(err)
		}
		m := Message{Code: GET, Options: u.Options(c.destination)}
		host, _ := m.Get(URIHost)
		got := string(host.Value)
		if p, ok := m.Uint(URIPort); ok {
			got += ":" + (Option{URIPort, EncodeUint(p)}).String()
		}
		if got += FormatURI(m); got != c.want {
			t.Errorf("%s sent to %s: %s instead of %s", c.uri, c.destination, got, c.want)
		}
		if u.Scheme == "" {
			continue
		}
		if back := RequestURI(m, u.Scheme, c.destination); back.String() != u.String() {
			t.Errorf("%s sent to %s reads back as %s", c.uri, c.destination, back)
		}
	}
}

func TestScheme(t *testing.T) {
	for _, c := range []struct {
		s                Scheme
		port             uint16
		secure, reliable bool
	}{
		{SchemeCoAP, 5683, false, false},
		{SchemeCoAPS, 5684, true, false},
		{SchemeCoAPTCP, 5683, false, true},
		{SchemeCoAPSTCP, 5684, true, true},
		{"http", 0, false, false},
	} {
		if c.s.DefaultPort() != c.port || c.s.Secure() != c.secure || c.s.Reliable() != c.reliable {
			t.Errorf("%s: port %d, secure %v, reliable %v", c.s, c.s.DefaultPort(), c.s.Secure(), c.s.Reliable())
		}
	}
}
