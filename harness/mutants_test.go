package harness_test

import (
	"slices"
	"strings"
	"testing"

	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/results"
	"github.com/lwm2mspec/lwm2mspec/testcases"
)

// casesOf gives the cases that judge a role, with each variant the role sees.
func casesOf(role Role) []Case {
	var out []Case
	for _, c := range testcases.All() {
		if slices.Contains(c.Roles(), role) {
			out = append(out, c)
		}
	}
	return out
}

// TestFaultsAreCaught: each fault turns exactly the criteria red that it names.
func TestFaultsAreCaught(t *testing.T) {
	killed := map[string]bool{}
	for _, d := range peer.Deviations() {
		if d.Benign {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			var red []string
			for _, c := range casesOf(Role(d.Role)) {
				r := play(t, c, Role(d.Role), "1.1", "psk", "", d.Behaviour())
				for _, k := range r.Criteria {
					if k.Verdict == results.Fail {
						n, _, _ := strings.Cut(k.ID, " ")
						red = append(red, n)
						killed[n] = true
					}
				}
				if strings.Contains(r.Reason, "itself failed") {
					t.Errorf("%s ends in error: %s", c.ShortID(), r.Reason)
				}
			}
			want := slices.Clone(d.Breaks)
			slices.Sort(red)
			slices.Sort(want)
			if !slices.Equal(red, want) {
				t.Errorf("red are %v, want %v", red, want)
			}
		})
	}
	for _, c := range testcases.All() {
		for _, role := range c.Roles() {
			for _, k := range c.CriteriaFor(role) {
				if !killed[k.Number()] {
					t.Errorf("no fault turns %s red", k.ID)
				}
			}
		}
	}
}

// TestVariantsAreNotAccused: no criterion holds a legal difference against a peer.
func TestVariantsAreNotAccused(t *testing.T) {
	for _, d := range peer.Deviations() {
		if !d.Benign {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			for _, c := range casesOf(Role(d.Role)) {
				for _, v := range []string{"1.0", "1.1", "1.2"} {
					if v == "1.0" && strings.Contains(d.Text, "(from 1.1)") {
						continue
					}
					r := play(t, c, Role(d.Role), v, "psk", "", d.Behaviour())
					if r.Verdict != results.Pass {
						t.Errorf("%s in %s: %s: %s", c.ShortID(), v, r.Verdict, r.Reason)
					}
				}
			}
		})
	}
}
