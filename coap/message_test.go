package coap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func TestEncodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		m    Message
		is   error
	}{
		{"a token of nine bytes", Message{Token: make([]byte, 9)}, nil},
		{"a type beyond Reset", Message{Type: 4}, nil},
		{"options out of order", Message{Options: []Option{{URIPath, nil}, {URIHost, nil}}}, ErrUnsorted},
		{"an option beyond its length field", Message{Options: []Option{{ProxyURI, make([]byte, 65805)}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Encode(c.m)
			if err == nil || b != nil || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("wrote %x, %v", b, err)
			}
			if c.m.Type <= Reset {
				if _, err := EncodeTCP(c.m); err == nil {
					t.Error("EncodeTCP wrote it")
				}
			}
		})
	}
}

func TestWild(t *testing.T) {
	get := Message{Code: GET, MessageID: 0x1234, Token: []byte{1}, Options: []Option{{URIPath, []byte("3")}}}
	with := func(change func(*Wild)) Wild { w := Conformant(get); change(&w); return w }
	for _, c := range []struct {
		name string
		w    Wild
		hex  string
		rule string
	}{
		{"nothing wrong", Conformant(get), "4101123401b133", ""},
		{"version", with(func(w *Wild) { w.Version = 2 }), "8101123401b133", RuleVersion},
		{"token length without the bytes", with(func(w *Wild) { w.TokenLength = 8 }), "4801123401b133", RuleTokenCut},
		{"reserved token length", with(func(w *Wild) { w.TokenLength = 15 }), "4f01123401b133", RuleTokenLength},
		{"long token", with(func(w *Wild) { w.Token, w.TokenLength = make([]byte, 9), 9 }), "49011234" + "000000000000000000" + "b133", RuleTokenLength},
		{"bare marker", with(func(w *Wild) { w.BareMarker = true }), "4101123401b133ff", RuleMarker},
		{"delta nibble 15", with(func(w *Wild) { w.RawOptions = []byte{0xf0} }), "4101123401b133f0", RuleOptionNibble},
		{"length nibble 15", with(func(w *Wild) { w.RawOptions = []byte{0x0f} }), "4101123401b1330f", RuleOptionNibble},
		{"cut option", with(func(w *Wild) { w.RawOptions = []byte{0x05, 1} }), "4101123401b1330501", RuleOptionCut},
		{"options out of order", with(func(w *Wild) { w.Options = append(w.Options, Option{URIHost, []byte("h")}) }), "4101123401b133e1feeb68", RuleOptionNumber},
		{"trailing bytes", with(func(w *Wild) { w.Message = Message{Code: Empty, Type: Reset}; w.TokenLength, w.Trailing = 0, []byte{7} }), "7000000007", RuleEmptyContent},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.w.Encode()
			if hex.EncodeToString(got) != c.hex {
				t.Errorf("wrote %x instead of %s", got, c.hex)
			}
			if v := Decode(got); c.rule == "" && len(v.Findings) > 0 || c.rule != "" && (!v.Has(c.rule) || !v.Malformed()) {
				t.Errorf("found %v", v.Findings)
			}
		})
	}
}

func TestOptionAccess(t *testing.T) {
	m := Message{Code: POST}
	m.AddStrings(URIQuery, "ep=a", "lt=300")
	m.AddUint(ContentFormat, 40)
	m.AddStrings(URIPath, "rd", "5a3f")
	m.SetUint(Accept, 11542)
	m.SetUint(Accept, 0)
	if !slices.Equal(m.Path(), []string{"rd", "5a3f"}) || !slices.Equal(m.Queries(), []string{"ep=a", "lt=300"}) {
		t.Errorf("%v", m)
	}
	if f, ok := m.ContentFormat(); !ok || f != 40 {
		t.Errorf("Content-Format %d, %v", f, ok)
	}
	if a, ok := m.Accept(); !ok || a != 0 {
		t.Errorf("Accept %d, %v", a, ok)
	}
	if _, ok := m.Observe(); ok || m.MaxAge() != 60 {
		t.Errorf("options that are not there: %v", m)
	}
	if _, err := Encode(m); err != nil {
		t.Errorf("built by Add and Set, yet %v", err)
	}
	want := `CON 0.02 POST, message ID 0, token , Uri-Path "rd", Uri-Path "5a3f", Content-Format 40, Uri-Query "ep=a", Uri-Query "lt=300", Accept 0`
	if m.String() != want {
		t.Errorf("String is\n%s", m)
	}
	m.Remove(URIQuery)
	if m.Queries() != nil || len(m.Options) != 4 {
		t.Errorf("after Remove: %v", m)
	}
}

// A message is a value: changing a copy must leave the original alone, even where both began with the
// same slice of options.
func TestCopiesAreIndependent(t *testing.T) {
	m := Message{Options: make([]Option, 0, 8)}
	m.AddStrings(URIPath, "a", "b")
	before := m.String()
	for name, change := range map[string]func(*Message){
		"Add":    func(m *Message) { m.AddUint(Observe, 0); m.AddStrings(URIQuery, "q") },
		"Set":    func(m *Message) { m.Set(URIPath, nil) },
		"Remove": func(m *Message) { m.Remove(URIPath) },
		"Sort":   func(m *Message) { m.Options = append(m.Options[:1:1], Option{IfMatch, nil}); m.Sort() },
		"Clone":  func(m *Message) { c := m.Clone(); c.Options[0].Value[0] = 'x'; c.Options[1].Number = 1 },
	} {
		c := m
		change(&c)
		if m.String() != before {
			t.Errorf("%s changed the original to %s", name, m)
		}
	}
}

func TestLengthOutOfBoundsIsNoValue(t *testing.T) {
	m := Message{Options: []Option{{Observe, make([]byte, 4)}, {ContentFormat, make([]byte, 3)}, {Accept, make([]byte, 3)}, {Block1, make([]byte, 4)}}}
	_, observe := m.Observe()
	_, format := m.ContentFormat()
	_, accept := m.Accept()
	_, block := m.Block(Block1)
	if observe || format || accept || block {
		t.Error("an option that is to be treated as unrecognized was read (RFC 7252 section 5.4.3)")
	}
}

func TestUnrecognized(t *testing.T) {
	m := Message{Code: GET, Options: []Option{
		{URIHost, nil},
		{ETag, []byte{1}},
		{ETag, []byte{2}},
		{Observe, nil},
		{Observe, nil},
		{URIPath, []byte("3")},
		{URIPath, []byte("0")},
		{OSCORE, nil},
		{65001, nil},
	}}
	numbers := func(os []Option) (out []OptionNumber) {
		for _, o := range os {
			out = append(out, o.Number)
		}
		return out
	}
	if got, want := numbers(m.Unrecognized(nil)), []OptionNumber{URIHost, Observe, 65001}; !slices.Equal(got, want) {
		t.Errorf("by the registry: %v instead of %v", got, want)
	}
	known := func(n OptionNumber) bool { return n == URIPath || n == ETag || n == Observe }
	if got, want := numbers(m.Unrecognized(known)), []OptionNumber{URIHost, Observe, OSCORE, 65001}; !slices.Equal(got, want) {
		t.Errorf("by choice: %v instead of %v", got, want)
	}
}

func TestRegistry(t *testing.T) {
	for _, c := range []struct {
		n                            OptionNumber
		name                         string
		critical, unsafe, noCacheKey bool
	}{
		{URIHost, "Uri-Host", true, true, false},
		{ETag, "ETag", false, false, false},
		{Observe, "Observe", false, true, false},
		{Size1, "Size1", false, false, true},
		{Size2, "Size2", false, false, true},
		{Echo, "Echo", false, false, true},
		{NoResponse, "No-Response", false, true, false},
		{RequestTag, "Request-Tag", false, false, false},
		{65001, "option 65001", true, false, false},
	} {
		if c.n.String() != c.name || c.n.Critical() != c.critical || c.n.Unsafe() != c.unsafe || c.n.NoCacheKey() != c.noCacheKey {
			t.Errorf("%s: critical %v, unsafe %v, NoCacheKey %v", c.n, c.n.Critical(), c.n.Unsafe(), c.n.NoCacheKey())
		}
	}
}

func TestCode(t *testing.T) {
	for _, c := range []struct {
		code          Code
		s             string
		class, detail int
	}{
		{GET, "0.01 GET", 0, 1},
		{IPATCH, "0.07 iPATCH", 0, 7},
		{Content, "2.05 Content", 2, 5},
		{Continue, "2.31 Continue", 2, 31},
		{UnsupportedContentFormat, "4.15 Unsupported Content-Format", 4, 15},
		{ProxyingNotSupported, "5.05 Proxying Not Supported", 5, 5},
		{Abort, "7.05 Abort", 7, 5},
		{Code(2<<5 | 30), "2.30", 2, 30},
	} {
		if c.code.String() != c.s || c.code.Class() != c.class || c.code.Detail() != c.detail {
			t.Errorf("%s, class %d, detail %d instead of %s", c.code, c.code.Class(), c.code.Detail(), c.s)
		}
		if back, err := ParseCode(c.code.Dotted()); err != nil || back != c.code {
			t.Errorf("ParseCode(%s) = %v, %v", c.code.Dotted(), back, err)
		}
	}
	for _, s := range []string{"", "2", "2.5", "2.32", "8.00", "2.005", "x.01", "2.05 Content", "-1.00"} {
		if c, err := ParseCode(s); err == nil {
			t.Errorf("ParseCode(%q) = %v", s, c)
		}
	}
}

func TestBlock(t *testing.T) {
	for _, c := range []struct {
		b    Block
		hex  string
		text string
	}{
		{Block{0, false, 0}, "", "0/0/16"},
		{Block{0, true, 6}, "0e", "0/1/1024"},
		{Block{1, false, 2}, "12", "1/0/64"},
		{Block{4660, true, 5}, "01234d", "4660/1/512"},
		{Block{MaxBlockNum, true, 6}, "fffffe", "1048575/1/1024"},
	} {
		if got := hex.EncodeToString(c.b.Encode()); got != c.hex || c.b.String() != c.text {
			t.Errorf("%s is written %s instead of %s", c.b, got, c.hex)
		}
		m := Message{Options: []Option{{Block2, unhex(t, c.hex)}}}
		if got, ok := m.Block(Block2); !ok || got != c.b {
			t.Errorf("%s is read %v", c.hex, got)
		}
		if b, err := NewBlock(c.b.Num, c.b.More, c.b.Size()); err != nil || b != c.b {
			t.Errorf("NewBlock gives %v, %v", b, err)
		}
	}
	if got := (Block{3, true, 6}).Offset(); got != 3072 {
		t.Errorf("Offset is %d", got)
	}
	for _, size := range []int{0, 8, 24, 2048, -16} {
		if _, err := NewBlock(0, false, size); err == nil {
			t.Errorf("a block of %d bytes was made", size)
		}
	}
	if _, err := NewBlock(MaxBlockNum+1, false, 16); err == nil {
		t.Error("a block number of 21 bits was made")
	}
	if b := (Block{Num: 1 << 20, SZX: 7}).Encode(); !bytes.Equal(b, []byte{7}) {
		t.Errorf("bits beyond the fields are written: %x", b)
	}
}

// A datagram full of faulty options must not cost much more than one without faults, and what makes it
// malformed must not drown.
func TestManyFindings(t *testing.T) {
	w := Conformant(Message{Code: GET})
	for range 30000 {
		w.Options = append(w.Options, Option{Observe, []byte{0}})
	}
	w.RawOptions = []byte{0xf0}
	v := Decode(w.Encode())
	if len(v.Findings) > 2*maxOptionFindings || !v.Has(RuleOptionNibble) || len(v.Options) != 30000 {
		t.Errorf("%d findings, malformed %v, %d options", len(v.Findings), v.Malformed(), len(v.Options))
	}
}
