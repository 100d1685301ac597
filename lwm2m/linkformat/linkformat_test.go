package linkformat_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	. "github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
)

type vector struct {
	Name     string
	Text     string
	Valid    bool
	Lenient  bool
	Doubtful bool
	Rules    []string
	Links    []struct {
		Target     string
		Attributes []struct {
			Name   string
			Value  *string
			Quoted bool
		}
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

func (v vector) links() []Link {
	var out []Link
	for _, l := range v.Links {
		k := Link{Target: l.Target}
		for _, a := range l.Attributes {
			switch {
			case a.Value == nil:
				k.Attributes = append(k.Attributes, Attribute{Name: a.Name})
			case a.Quoted:
				k.Attributes = append(k.Attributes, QuotedAttr(a.Name, *a.Value))
			default:
				k.Attributes = append(k.Attributes, Attr(a.Name, *a.Value))
			}
		}
		out = append(out, k)
	}
	return out
}

// bare drops the offsets, which depend on the form.
func bare(ls []Link) []Link {
	out := slices.Clone(ls)
	for i := range out {
		out[i].Offset = 0
		out[i].Attributes = slices.Clone(out[i].Attributes)
		for j := range out[i].Attributes {
			out[i].Attributes[j].Offset = 0
		}
	}
	return out
}

func equal(a, b []Link) bool {
	return slices.EqualFunc(bare(a), bare(b), func(x, y Link) bool {
		return x.Target == y.Target && slices.Equal(x.Attributes, y.Attributes)
	})
}

func rules(fs []lwm2m.Finding, level lwm2m.RuleLevel) []string {
	var out []string
	for _, f := range fs {
		if f.Level == level && !slices.Contains(out, f.Rule) {
			out = append(out, f.Rule)
		}
	}
	slices.Sort(out)
	return out
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			got, fs := Decode([]byte(v.Text))
			if have := rules(fs, lwm2m.MUST); !slices.Equal(have, v.Rules) {
				t.Errorf("broken rules %v, want %v: %v", have, v.Rules, fs)
			}
			if v.Links != nil && !equal(got, v.links()) {
				t.Errorf("read\n%+v, want\n%+v", got, v.links())
			}
			if v.Valid {
				if s := string(Encode(got)); s != v.Text {
					t.Errorf("written as %s, want %s", s, v.Text)
				}
			}
		})
	}
}

func TestDepartures(t *testing.T) {
	for _, c := range []struct {
		text   string
		rule   string
		level  lwm2m.RuleLevel
		offset int
		reads  string // the strict form of what is read all the same
	}{
		{"</1/0>, </3/0>", "link.blank", lwm2m.MUST, 7, "</1/0>,</3/0>"},
		{" </1/0>", "link.stray-blank", lwm2m.MUST, 0, "</1/0>"},
		{"</1/0>\r\n", "link.stray-blank", lwm2m.MUST, 6, "</1/0>"},
		{"</1>; ver=1.1", "link.stray-blank", lwm2m.MUST, 5, "</1>;ver=1.1"},
		{"</1>;ver= 1.1", "link.stray-blank", lwm2m.MUST, 9, "</1>;ver=1.1"},
		{"</1/0></3/0>", "link.comma", lwm2m.MUST, 6, "</1/0>,</3/0>"},
		{"</1/0>x,</3/0>", "link.comma", lwm2m.MUST, 6, "</1/0>,</3/0>"},
		{"</1/0>;</3/0>", "link.attribute-name", lwm2m.MUST, 7, "</1/0>,</3/0>"},
		{",</1/0>", "link.empty-link", lwm2m.MUST, 0, "</1/0>"},
		{"</1/0,</3/0>", "link.target", lwm2m.MUST, 0, "</1/0>,</3/0>"},
		{"/1/0,</3/0>", "link.target", lwm2m.MUST, 0, "</3/0>"},
		{"<//host/1>", "link.target", lwm2m.MUST, 1, "<//host/1>"},
		{"<coap://host/1>", "link.target", lwm2m.MUST, 1, "<coap://host/1>"},
		{"</1 /0>", "link.target", lwm2m.MUST, 3, "</1 /0>"},
		{"</1/0/>", "link.trailing-slash", lwm2m.SHOULD, 5, "</1/0/>"},
		{"</1>;v(r=1", "link.attribute-name", lwm2m.MUST, 5, "</1>;v(r=1"},
		{"</1>;ver=1\\1", "link.attribute-value", lwm2m.MUST, 10, `</1>;ver="1\\1"`},
		{"</1>;ver=\"1\x011\"", "link.attribute-value", lwm2m.MUST, 11, "</1>;ver=\"1\x011\""},
		{"</>;ct=110 112", "link.attribute-value", lwm2m.MUST, 10, `</>;ct="110 112"`},
		{"</1>;ver=1.0;ver=1.1", "link.attribute-twice", lwm2m.MUST, 13, "</1>;ver=1.0;ver=1.1"},
		{"</1>;x=1;x=2", "link.attribute-twice", lwm2m.SHOULD, 9, "</1>;x=1;x=2"},
		{"</1>;x=\"a\\", "link.quote", lwm2m.MUST, 7, `</1>;x="a\\"`},
		{"</1>;x=\"\xff\"", "link.utf8", lwm2m.MUST, 8, "</1>;x=\"\xff\""},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, fs := Decode([]byte(c.text))
			if !slices.ContainsFunc(fs, func(f lwm2m.Finding) bool {
				return f.Rule == c.rule && f.Level == c.level && f.Offset == c.offset
			}) {
				t.Errorf("no %s of %s at %d: %v", c.level, c.rule, c.offset, fs)
			}
			if s := string(Encode(got)); s != c.reads {
				t.Errorf("read as %s, want %s", s, c.reads)
			}
		})
	}
}

func TestOffsets(t *testing.T) {
	got, fs := Decode([]byte(`</>;ct="110 112";rt=x,</1/0>;ver=1.1`))
	if len(fs) > 0 || len(got) != 2 {
		t.Fatal(got, fs)
	}
	if got[0].Offset != 0 || got[1].Offset != 22 || got[0].Attributes[1].Offset != 17 || got[1].Attributes[0].Offset != 29 {
		t.Errorf("offsets of %+v", got)
	}
}

func TestEncodeAs(t *testing.T) {
	links := []Link{
		{Target: "/", Attributes: []Attribute{QuotedAttr("ct", "110 112"), Attr("lwm2m", "1.1")}},
		{Target: "/1/0", Attributes: []Attribute{{Name: "obs"}, Attr("x", `a"b\c`), Attr("y", "")}},
	}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, `</>;ct="110 112";lwm2m=1.1,</1/0>;obs;x="a\"b\\c";y=""`},
		{Options{Quoted: true}, `</>;ct="110 112";lwm2m="1.1",</1/0>;obs;x="a\"b\\c";y=""`},
		{Options{Reversed: true}, `</>;lwm2m=1.1;ct="110 112",</1/0>;y="";x="a\"b\\c";obs`},
		{Options{Blanks: true}, `</>;ct="110 112";lwm2m=1.1, </1/0>;obs;x="a\"b\\c";y=""`},
	} {
		if got := string(EncodeAs(links, c.o)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		target, prefix string
		want           string
		ok             bool
	}{
		{"/", "", "/", true},
		{"/1/0", "", "/1/0", true},
		{"/0/1/", "", "/0/1", true},
		{"/lwm2m/1/0", "/lwm2m", "/1/0", true},
		{"/lwm2m", "/lwm2m", "/", true},
		{"/lwm2m/", "/lwm2m", "/", true},
		{"/1/0", "/lwm2m", "/", false},
		{"/hosts", "", "/", false},
		{"/1//0", "", "/", false},
		{"", "", "/", false},
	} {
		p, ok := Link{Target: c.target}.Path(c.prefix)
		if ok != c.ok || p.String() != c.want {
			t.Errorf("<%s> below %q: %s %v", c.target, c.prefix, p, ok)
		}
	}
}

// TestHostile reads what 64 KiB can be filled with: all of it in time linear in the input, or this test
// would not end, and with findings that a report can hold.
func TestHostile(t *testing.T) {
	for _, unit := range []string{";a", ";a=1", "<", ">", ",", "\"", "<>", "</1>;ver=1.1,", "\\", " ", ";\"", "=", "</1>;a=\"\\\"\"", "\xff"} {
		_, fs := Decode([]byte("</1>" + strings.Repeat(unit, 1<<16/len(unit))))
		if len(fs) > 500 {
			t.Errorf("%q repeated has %d findings", unit, len(fs))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		links, fs := Decode(b)
		for _, x := range fs {
			if x.Offset < 0 || x.Offset > len(b) || x.Text == "" {
				t.Errorf("finding out of bounds: %+v", x)
			}
		}
		if lwm2m.BreaksMUST(fs) {
			return
		}
		for _, o := range []Options{{}, {Quoted: true}} {
			again, more := Decode(EncodeAs(links, o))
			if lwm2m.BreaksMUST(more) {
				t.Fatalf("%q written as %q breaks %v", b, EncodeAs(links, o), more)
			}
			if !o.Quoted && !equal(links, again) {
				t.Fatalf("%q comes back as %+v", b, again)
			}
		}
	})
}

func benchmarkLinks(n int) []byte {
	links := []Link{{Target: "/", Attributes: []Attribute{QuotedAttr("ct", "110 112")}}}
	for i := range n - 1 {
		links = append(links, Link{Target: lwm2m.NewPath(3303, uint16(i)).String(), Attributes: []Attribute{Attr("ver", "1.1")}})
	}
	return Encode(links)
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 50, 5000} {
		payload := benchmarkLinks(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				Decode(payload)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{1, 50, 5000} {
		links, _ := Decode(benchmarkLinks(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Encode(links)
			}
		})
	}
}
