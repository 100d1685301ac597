package coap

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// vector is a message of testdata/udp.json or tcp.json: its bytes and what has to be read from them.
type vector struct {
	Name     string
	Hex      string
	Type     string
	Code     string
	ID       uint16
	Token    string
	Options  []string // number:value
	Payload  string
	Rest     string
	Findings []string // rules, in any order
}

func readVectors[V any](tb testing.TB, file string) []V {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		tb.Fatal(err)
	}
	var vs []V
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&vs); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	return vs
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// message builds what the vector says, by the names of the test data.
func (v vector) message(tb testing.TB) Message {
	tb.Helper()
	m := Message{MessageID: v.ID, Token: unhex(tb, v.Token), Payload: unhex(tb, v.Payload)}
	if i := slices.Index([]string{"CON", "NON", "ACK", "RST"}, v.Type); i >= 0 {
		m.Type = Type(i)
	}
	var err error
	if m.Code, err = ParseCode(v.Code); err != nil {
		tb.Fatal(err)
	}
	for _, o := range v.Options {
		number, value, _ := strings.Cut(o, ":")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			tb.Fatal(err)
		}
		m.Options = append(m.Options, Option{OptionNumber(n), unhex(tb, value)})
	}
	return m
}

func sameMessage(a, b Message) bool {
	return a.Type == b.Type && a.Code == b.Code && a.MessageID == b.MessageID && bytes.Equal(a.Token, b.Token) &&
		bytes.Equal(a.Payload, b.Payload) && slices.EqualFunc(a.Options, b.Options, func(x, y Option) bool {
		return x.Number == y.Number && bytes.Equal(x.Value, y.Value)
	})
}

func rules(fs []Finding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Rule)
	}
	slices.Sort(out)
	return out
}

func checkVector(t *testing.T, v vector, got View) {
	t.Helper()
	if want := v.message(t); !sameMessage(got.Message, want) {
		t.Errorf("read\n%v, payload %x\ninstead of\n%v, payload %x", got.Message, got.Payload, want, want.Payload)
	}
	if !bytes.Equal(got.Rest, unhex(t, v.Rest)) {
		t.Errorf("Rest is %x instead of %s", got.Rest, v.Rest)
	}
	if !bytes.Equal(got.Raw, unhex(t, v.Hex)) {
		t.Errorf("Raw is %x", got.Raw)
	}
	slices.Sort(v.Findings)
	if !slices.Equal(rules(got.Findings), v.Findings) {
		t.Errorf("found %v instead of %v", got.Findings, v.Findings)
	}
	for _, f := range got.Findings {
		if f.Offset > len(got.Raw) || f.Text == "" || f.Level != LevelMust && f.Level != LevelShould {
			t.Errorf("finding %+v", f)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, v := range readVectors[vector](t, "udp.json") {
		t.Run(v.Name, func(t *testing.T) {
			in := unhex(t, v.Hex)
			got := Decode(in)
			clear(in) // the view must not stand on the caller's buffer
			checkVector(t, v, got)
		})
	}
}

func TestEncode(t *testing.T) {
	for _, v := range readVectors[vector](t, "udp.json") {
		if Decode(unhex(t, v.Hex)).Malformed() && v.Rest != "" || slices.ContainsFunc(v.Findings, func(r string) bool {
			return r == RuleVersion || r == RuleTokenLength || r == RuleTokenCut || r == RuleHeader
		}) {
			continue // not to be written by Encode
		}
		t.Run(v.Name, func(t *testing.T) {
			got, err := Encode(v.message(t))
			if err != nil || hex.EncodeToString(got) != v.Hex {
				t.Errorf("wrote %x, %v instead of %s", got, err, v.Hex)
			}
		})
	}
}

func TestDecodeTCP(t *testing.T) {
	for _, v := range readVectors[vector](t, "tcp.json") {
		t.Run(v.Name, func(t *testing.T) {
			in := unhex(t, v.Hex)
			got := DecodeTCP(in)
			clear(in)
			checkVector(t, v, got)
			if len(v.Findings) > 0 && v.Rest != "" || got.Has(RuleTokenLength) || got.Has(RuleHeader) {
				return
			}
			b, err := EncodeTCP(v.message(t))
			if err != nil || hex.EncodeToString(b) != v.Hex {
				t.Errorf("wrote %x, %v instead of %s", b, err, v.Hex)
			}
		})
	}
}
