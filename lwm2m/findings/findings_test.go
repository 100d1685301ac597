package findings_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/findings"
)

func TestListIsBoundedPerLevel(t *testing.T) {
	l := findings.List{Format: "x"}
	for i := range 1000 {
		l.Should("advice", i, "advice %d", i)
	}
	l.Must("rule", 7, "broken")
	got := l.All()
	if len(got) != 202 {
		t.Fatalf("%d findings", len(got))
	}
	if f := got[200]; f.Rule != "x.rule" || f.Level != lwm2m.MUST || f.Offset != 7 {
		t.Errorf("a MUST after many SHOULDs is %v", f)
	}
	if f := got[201]; f.Rule != "x.more" || f.Level != lwm2m.SHOULD || f.Offset != 200 || !strings.HasPrefix(f.Text, "800 ") {
		t.Errorf("the rest is told as %v", f)
	}
}

func TestEmptyListIsNil(t *testing.T) {
	if got := new(findings.List).All(); got != nil {
		t.Errorf("%v", got)
	}
}

func TestClip(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("ü", 30)} {
		if got := findings.Clip(s); got != s {
			t.Errorf("%q is clipped to %q", s, got)
		}
	}
	for _, s := range []string{strings.Repeat("x", 61), "x" + strings.Repeat("ü", 40), strings.Repeat("€", 40)} {
		if got := findings.Clip(s); !utf8.ValidString(got) || len(got) > 64 || !strings.HasSuffix(got, "…") {
			t.Errorf("%q is clipped to %q", s, got)
		}
	}
}
