package harness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// Axes multiply a selection: every case in each of these, as far as it allows. An empty axis is the
// profile's: all its versions, its first security mode.
type Axes struct {
	Roles       []Role
	Versions    []lwm2m.Version
	Security    []Security
	Repetitions int
}

// Planned is one play to come.
type Planned struct {
	Case    Case
	Key     results.Key
	Profile *profile.Profile
	// NotApplicable says why the case does not apply to this IUT; empty: it is played.
	NotApplicable string
}

// Missing is something the selection needs to know and the profile does not say.
type Missing struct {
	What  string   // what to write
	Cases []string // short ids that ask for it
}

// Constructor makes a fresh table of a case; every play has its own.
type Constructor func() Case

// Plan multiplies cases and profiles by the axes. What the profiles leave open and the cases need comes
// back whole, so that it can be told at once, before anything has been started.
func Plan(cases []Constructor, profiles []*profile.Profile, a Axes) ([]Planned, []Missing, error) {
	pl := planner{axes: a, missing: map[string][]string{}}
	for _, p := range profiles {
		if err := pl.checkAxes(p); err != nil {
			return nil, nil, err
		}
		for _, c := range cases {
			pl.add(c, p)
		}
	}
	var missing []Missing
	for _, what := range pl.order {
		missing = append(missing, Missing{what, pl.missing[what]})
	}
	return pl.planned, missing, nil
}

type planner struct {
	axes    Axes
	planned []Planned
	missing map[string][]string
	order   []string
}

func (pl *planner) checkAxes(p *profile.Profile) error {
	for _, v := range pl.axes.Versions {
		if !p.HasVersion(v) {
			return fmt.Errorf("%s does not declare LwM2M %s: it has %v", p.Name, v, p.Versions)
		}
	}
	for _, s := range pl.axes.Security {
		if _, ok := p.Mode(string(s)); !ok {
			return fmt.Errorf("%s does not declare the security mode %s", p.Name, s)
		}
	}
	return nil
}

func (pl *planner) add(fresh Constructor, p *profile.Profile) {
	c := fresh()
	role := Role(p.Role)
	if !slices.Contains(c.Roles(), role) || len(pl.axes.Roles) > 0 && !slices.Contains(pl.axes.Roles, role) {
		return
	}
	versions := pl.axes.Versions
	if len(versions) == 0 {
		versions = p.Versions
	}
	why := pl.applies(c, p, role)
	for _, v := range versions {
		if v < c.Since {
			continue
		}
		for _, s := range pl.modes(c, p) {
			for _, variant := range c.variants(role) {
				for n := range max(1, pl.axes.Repetitions) {
					pl.planned = append(pl.planned, Planned{Case: fresh(), Profile: p, NotApplicable: why, Key: results.Key{
						Case: c.ID, Role: p.Role, IUT: p.Name, LwM2M: v.String(), Transport: "udp", Security: string(s), Format: variant, Repetition: n + 1,
					}})
				}
			}
		}
	}
}

// variants are those of the case, for a role that sees a difference.
func (c Case) variants(r Role) []string {
	if len(c.Variants) == 0 || r != Client {
		return []string{""}
	}
	return c.Variants
}

// modes are the security modes to play the case in.
func (pl *planner) modes(c Case, p *profile.Profile) []Security {
	want := pl.axes.Security
	if len(want) == 0 {
		for _, s := range p.Security {
			want = append(want, Security(s.Mode))
		}
	}
	var out []Security
	for _, s := range want {
		if len(c.Security) == 0 || slices.Contains(c.Security, s) {
			out = append(out, s)
		}
	}
	if len(pl.axes.Security) == 0 && len(out) > 1 {
		out = out[:1]
	}
	if len(out) == 0 && len(pl.axes.Security) == 0 && len(c.Security) > 0 {
		return c.Security[:1] // it does not apply, which the result says
	}
	return out
}

// applies says why a case does not apply, and collects what is not known.
func (pl *planner) applies(c Case, p *profile.Profile, role Role) string {
	if len(c.Security) > 0 && !slices.ContainsFunc(c.Security, func(s Security) bool { _, ok := p.Mode(string(s)); return ok }) {
		return fmt.Sprintf("the profile has none of the security modes %v", c.Security)
	}
	var open []string
	for _, need := range c.Needs[role] {
		switch state(p, need) {
		case profile.No:
			text, _ := profile.CapabilityText(need)
			return fmt.Sprintf("the profile says %s: no (the IUT %s)", need, text)
		case profile.Unset:
			text, _ := profile.CapabilityText(need)
			open = append(open, fmt.Sprintf("capabilities: %s: yes or no (whether the IUT %s)", need, text))
		case profile.Yes:
		}
	}
	if role == Client {
		for _, v := range c.Values {
			if _, ok := p.Values[lwm2m.MustParsePath(v)]; !ok {
				open = append(open, fmt.Sprintf("values: %s: what the device answers there", v))
			}
		}
	}
	iut := NewIUT(p, nil)
	for _, s := range c.StepsFor(role) {
		for _, v := range s.Do.verbs(role) {
			if s.From == role && !iut.Supports(v) {
				open = append(open, fmt.Sprintf("control: a way to do %q", v))
			}
		}
	}
	for _, what := range open {
		if _, known := pl.missing[what]; !known {
			pl.order = append(pl.order, what)
		}
		if !slices.Contains(pl.missing[what], c.ShortID()) {
			pl.missing[what] = append(pl.missing[what], c.ShortID())
		}
	}
	return ""
}

// state of a need, which may be a choice, "cf-senml-cbor|cf-senml-json".
func state(p *profile.Profile, need string) profile.State {
	worst := profile.No
	for token := range strings.SplitSeq(need, "|") {
		switch p.Capabilities[token] {
		case profile.Yes:
			return profile.Yes
		case profile.Unset:
			worst = profile.Unset
		case profile.No:
		}
	}
	return worst
}
