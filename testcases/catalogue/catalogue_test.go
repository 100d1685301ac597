package catalogue

import (
	"strings"
	"testing"
)

func TestCatalogueIsWhole(t *testing.T) {
	if n := len(All()); n != 155 {
		t.Errorf("%d cases, the ETS has 155", n)
	}
	if n := len(Errata()); n != 88 {
		t.Errorf("%d errata, 88 are known", n)
	}
	if n := len(Configurations()); n != 26 {
		t.Errorf("%d configurations, the ETS has 26", n)
	}
	if len(Rulings()) == 0 {
		t.Error("no rulings")
	}
	names := map[string]string{}
	for _, c := range All() {
		for _, n := range append([]string{c.ID}, c.Aliases()...) {
			if other, taken := names[n]; taken && other != c.ID {
				t.Errorf("%s names both %s and %s", n, other, c.ID)
			}
			names[n] = c.ID
		}
	}
}

func TestResolve(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		want    string // first id, "" for an error
		n       int
	}{
		{"LightweightM2M-1.1-int-102", "LightweightM2M-1.1-int-102", 1},
		{"LightweightM2M-1.0-int-102", "LightweightM2M-1.1-int-102", 1},
		{"1.0-int-102", "LightweightM2M-1.1-int-102", 1},
		{"int-102", "LightweightM2M-1.1-int-102", 1},
		{"INT-102", "LightweightM2M-1.1-int-102", 1},
		{"int-10?", "LightweightM2M-1.1-int-101", 9},
		{"int-0", "LightweightM2M-1.1-int-0", 1},
		{"LightweightM2M-1.0-int-1210", "LightweightM2M-1.1-int-1202", 1},
		{"1.2-int-110", "LightweightM2M-1.2-int-110", 1},
		{"int-9999", "", 0},
		{"int-[", "", 0},
	} {
		got, err := Resolve(tc.pattern)
		if tc.want == "" {
			if err == nil {
				t.Errorf("%s: no error", tc.pattern)
			}
			continue
		}
		if err != nil || len(got) != tc.n || got[0].ID != tc.want {
			t.Errorf("%s gives %d cases (%v)", tc.pattern, len(got), err)
		}
	}
	if _, err := Resolve("int-1o2"); err == nil || !strings.Contains(err.Error(), "int-102") {
		t.Errorf("the nearest id is not named: %v", err)
	}
}

func TestRulingsOf(t *testing.T) {
	for id, n := range map[string]int{"LightweightM2M-1.1-int-203": 1, "LightweightM2M-1.1-int-102": 2, "LightweightM2M-1.1-int-0": 2, "LightweightM2M-1.1-int-1": 0} {
		if got := RulingsOf(id); len(got) != n {
			t.Errorf("%s has %d rulings, want %d", id, len(got), n)
		}
	}
}
