package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/testcases"
	"github.com/lwm2mspec/lwm2mspec/testcases/catalogue"
)

// selection is what the flags of run and list say about cases.
type selection struct {
	groups    []string
	entry     bool
	profiles  []string
	roles     []string
	versions  []string
	security  []string
	misbehave string
}

func (s *selection) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.profiles, "iut", nil, "profile of the implementation under test; without it the embedded reference peers are tested")
	f.StringSliceVar(&s.groups, "group", nil, "only cases of these groups of the ETS: bootstrap, registration, device-management, ...")
	f.BoolVar(&s.entry, "entry-criteria", false, "only the TestFest entry criteria")
	f.StringSliceVar(&s.roles, "role", nil, "only this role under test: client, server, bootstrap-server")
	f.StringSliceVar(&s.versions, "lwm2m", nil, "LwM2M versions to play; all that the profile declares by default")
	f.StringSliceVar(&s.security, "security", nil, "security modes to play, nosec or psk; the profile's first by default")
	f.StringVar(&s.misbehave, "misbehave", "", "the embedded reference peer of the role misbehaves by this name")
}

// cases resolves patterns and filters to ETS cases.
func (s *selection) cases(patterns []string) ([]catalogue.Case, error) {
	all := catalogue.All()
	if len(patterns) > 0 {
		chosen := map[string]bool{}
		for _, p := range patterns {
			cs, err := catalogue.Resolve(p)
			if err != nil {
				return nil, err
			}
			for _, c := range cs {
				chosen[c.ID] = true
			}
		}
		all = slices.DeleteFunc(slices.Clone(all), func(c catalogue.Case) bool { return !chosen[c.ID] })
	}
	if err := s.checkGroups(); err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(c catalogue.Case) bool {
		return s.entry && !c.EntryCriteria || len(s.groups) > 0 && !slices.Contains(s.groups, c.Group)
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("no case is in %s and in the groups or filters given", strings.Join(patterns, " "))
	}
	return all, nil
}

func (s *selection) checkGroups() error {
	var known []string
	for _, c := range catalogue.All() {
		if !slices.Contains(known, c.Group) {
			known = append(known, c.Group)
		}
	}
	for _, g := range s.groups {
		if !slices.Contains(known, g) {
			return fmt.Errorf("there is no group %q: the groups are %s", g, strings.Join(known, ", "))
		}
	}
	return nil
}

// load reads the profiles, or makes those of the embedded peers.
func (s *selection) load() ([]*profile.Profile, error) {
	for _, r := range s.roles {
		if !slices.Contains(profile.Roles, r) {
			return nil, fmt.Errorf("there is no role %q: use client, server or bootstrap-server", r)
		}
	}
	var out []*profile.Profile
	for _, file := range s.profiles {
		p, err := profile.Load(file)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if len(s.profiles) == 0 {
		for _, role := range profile.Roles {
			out = append(out, profile.ForEmbedded(role, peer.Device()))
		}
	}
	if s.misbehave != "" {
		return s.misbehaving(out)
	}
	return out, nil
}

func (s *selection) misbehaving(ps []*profile.Profile) ([]*profile.Profile, error) {
	d, ok := peer.Find(s.misbehave)
	var mine []*profile.Profile
	for _, p := range ps {
		if p.Control.Embedded != nil && (!ok || p.Role == d.Role) {
			mine = append(mine, p)
		}
	}
	if !ok || len(mine) == 0 {
		role := "client"
		if len(s.roles) == 1 {
			role = s.roles[0]
		}
		_, err := peer.ForRole(s.misbehave, role)
		if err == nil {
			err = fmt.Errorf("--misbehave is for the embedded reference peers, not for --iut")
		}
		return nil, err
	}
	for _, p := range mine {
		p.Control.Embedded.Misbehave = d.Name
		p.Name += " (" + d.Name + ")"
	}
	return mine, nil
}

// axes are those of the engine.
func (s *selection) axes(repeat int) (harness.Axes, error) {
	a := harness.Axes{Repetitions: repeat}
	for _, r := range s.roles {
		a.Roles = append(a.Roles, harness.Role(r))
	}
	for _, v := range s.versions {
		version, err := lwm2m.ParseVersion(v)
		if err != nil {
			return a, err
		}
		a.Versions = append(a.Versions, version)
	}
	for _, m := range s.security {
		if m != string(harness.NoSec) && m != string(harness.PSK) {
			return a, fmt.Errorf("there is no security mode %q: use nosec or psk", m)
		}
		a.Security = append(a.Security, harness.Security(m))
	}
	return a, nil
}

// implemented gives the constructors of those cases that have one.
func implemented(cs []catalogue.Case) []harness.Constructor {
	var out []harness.Constructor
	for _, c := range cs {
		if h, ok := testcases.Get(c.ID); ok {
			out = append(out, h)
		}
	}
	return out
}
