package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/model"
	"github.com/lwm2mspec/lwm2mspec/reports"
	"github.com/lwm2mspec/lwm2mspec/results"
	"github.com/lwm2mspec/lwm2mspec/testcases"
	"github.com/lwm2mspec/lwm2mspec/testcases/catalogue"
	"github.com/lwm2mspec/lwm2mspec/trd"
)

// status is what list says of a case.
func status(c catalogue.Case) string {
	if _, ok := testcases.Get(c.ID); ok {
		return "implemented"
	}
	if c.Status == "procedure" {
		return "planned"
	}
	return c.Status
}

func info(c catalogue.Case) reports.CaseInfo {
	i := reports.CaseInfo{ID: c.ID, Aliases: c.Aliases(), Title: c.Title, Section: c.Section, Group: c.Group, Roles: c.Judges, Status: status(c), Versions: []string{}}
	if i.Roles == nil {
		i.Roles = []string{}
	}
	for _, v := range lwm2m.Versions() {
		if since, err := lwm2m.ParseVersion(c.Introduced); err == nil && v >= since {
			i.Versions = append(i.Versions, v.String())
		}
	}
	return i
}

func listCommand() *cobra.Command {
	var s selection
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [CASE...]",
		Short: "lists the cases of the ETS, with --iut why each is selected or not",
		RunE: func(cmd *cobra.Command, args []string) error {
			cases, err := s.cases(args)
			if err != nil {
				return usage(err)
			}
			var out []reports.CaseInfo
			for _, c := range cases {
				out = append(out, info(c))
			}
			if len(s.profiles) > 0 {
				if err := why(&s, cases, out); err != nil {
					return usage(err)
				}
			}
			return reports.List(cmd.OutOrStdout(), out, asJSON)
		},
	}
	s.flags(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

// why says of each case whether a run with the profiles would play it.
func why(s *selection, cases []catalogue.Case, out []reports.CaseInfo) error {
	ps, err := s.load()
	if err != nil {
		return err
	}
	axes, err := s.axes(1)
	if err != nil {
		return err
	}
	for i, c := range cases {
		selected := false
		out[i].Selected = &selected
		if out[i].Status != "implemented" {
			out[i].Why = "not implemented: " + out[i].Status
			continue
		}
		plays, missing, err := harness.Plan(implemented([]catalogue.Case{c}), ps, axes)
		if err != nil {
			return err
		}
		switch {
		case len(plays) == 0:
			out[i].Why = fmt.Sprintf("judges %s", strings.Join(c.Judges, ", "))
		case plays[0].NotApplicable != "":
			out[i].Why = plays[0].NotApplicable
		case len(missing) > 0:
			out[i].Why = "the profile leaves open " + missing[0].What
		default:
			selected = true
			out[i].Why = fmt.Sprintf("%d plays", len(plays))
		}
	}
	return nil
}

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain CASE",
		Short: "says everything about a case: purpose, steps, criteria, requirements, errata and rulings",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cs, err := catalogue.Resolve(args[0])
			if err != nil {
				return usage(err)
			}
			for i, c := range cs {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				reports.Explain(cmd.OutOrStdout(), explanation(c))
			}
			return nil
		},
	}
}

func explanation(c catalogue.Case) reports.Explanation {
	e := reports.Explanation{CaseInfo: info(c), Preconditions: c.Preconditions, Configuration: configuration(c.Config)}
	for _, x := range catalogue.ErrataOf(c.ID) {
		e.Notes = append(e.Notes, reports.Note{ID: x.ID, Text: x.AsPrinted + ": " + x.Problem + "; " + x.Rule})
	}
	for _, r := range catalogue.RulingsOf(c.ID) {
		e.Notes = append(e.Notes, reports.Note{ID: r.ID, Text: r.Text})
	}
	fresh, ok := testcases.Get(c.ID)
	if !ok {
		return planned(e, c)
	}
	for _, s := range fresh().Steps {
		x := reports.ExplainedStep{From: string(s.From), To: string(s.To), Text: s.Text, OnlyFor: string(s.OnlyFor)}
		for _, k := range s.Judge {
			level := k.Level
			if level == "" {
				level = harness.Must
			}
			x.Criteria = append(x.Criteria, reports.ExplainedCriterion{
				ID: k.ID, Role: string(k.Role), Text: k.Text, Origin: k.Origin(), Level: string(level), Expected: k.Expected(),
				Requirements: k.Requirements, Rulings: k.Rulings,
			})
			for _, id := range k.Rulings {
				e.Notes = note(e.Notes, id)
			}
		}
		e.Steps = append(e.Steps, x)
	}
	return e
}

func note(notes []reports.Note, id string) []reports.Note {
	text, ok := catalogue.Text(id)
	if !ok || slices.ContainsFunc(notes, func(n reports.Note) bool { return n.ID == id }) {
		return notes
	}
	return append(notes, reports.Note{ID: id, Text: text})
}

// planned explains a case that is not implemented, from the ETS alone.
func planned(e reports.Explanation, c catalogue.Case) reports.Explanation {
	e.Requirements = c.Requirements
	for _, s := range c.Steps {
		e.Steps = append(e.Steps, reports.ExplainedStep{From: s.From, To: s.To, Text: strings.TrimSpace(s.Action + " " + s.CoAP)})
	}
	if len(c.Criteria) > 0 {
		x := reports.ExplainedStep{From: "operator", To: "operator", Text: "The criteria of the ETS."}
		for _, k := range c.Criteria {
			x.Criteria = append(x.Criteria, reports.ExplainedCriterion{ID: fmt.Sprintf("%s.%d", c.ShortID(), k.N), Role: k.Judge, Text: strings.TrimSpace(k.Check + " " + k.Code), Origin: "ets", Level: "MUST"})
		}
		e.Steps = append(e.Steps, x)
	}
	return e
}

func configuration(ids []string) string {
	var out []string
	for _, id := range ids {
		for _, c := range catalogue.Configurations() {
			if c.ID == id {
				out = append(out, c.ID+" "+c.Name)
			}
		}
	}
	return strings.Join(out, "; ")
}

func iutCommand() *cobra.Command {
	c := &cobra.Command{Use: "iut", Short: "about profiles of implementations under test"}
	c.AddCommand(&cobra.Command{
		Use:   "check FILE",
		Short: "checks a profile and says what it leaves open, and which cases would ask for it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := profile.Load(args[0])
			if err != nil {
				return usage(err)
			}
			return checkProfile(cmd.OutOrStdout(), p)
		},
	})
	return c
}

func checkProfile(w io.Writer, p *profile.Profile) error {
	plays, missing, err := harness.Plan(testcases.Constructors(), []*profile.Profile{p}, harness.Axes{})
	if err != nil {
		return usage(err)
	}
	fmt.Fprintf(w, "%s: a %s for LwM2M %v, controlled by %s\n", p.Name, p.Role, p.Versions, p.Control.Kind())
	asked := map[string][]string{}
	for _, c := range catalogue.All() {
		for _, need := range c.Requires {
			for token := range strings.SplitSeq(need, "|") {
				asked[token] = append(asked[token], c.ShortID())
			}
		}
	}
	unset := 0
	for _, c := range profile.Capabilities {
		if p.Role == "client" && p.Capabilities[c.Token] == profile.Unset && len(asked[c.Token]) > 0 {
			unset++
			fmt.Fprintf(w, "unset  capabilities: %-26s whether the IUT %s: asked for by %s\n", c.Token, c.Text, strings.Join(asked[c.Token], ", "))
		}
	}
	applicable := 0
	for _, x := range plays {
		if x.NotApplicable == "" {
			applicable++
		} else {
			fmt.Fprintf(w, "n/a    %s: %s\n", x.Case.ShortID(), x.NotApplicable)
		}
	}
	fmt.Fprintf(w, "%d capabilities are unset; %d plays of the implemented cases apply\n", unset, applicable)
	for _, m := range missing {
		fmt.Fprintf(w, "needed now  %s (asked for by %s)\n", m.What, strings.Join(m.Cases, ", "))
	}
	if len(missing) > 0 {
		return coded{exitUsage, fmt.Errorf("%s leaves %d things open that a run of all implemented cases needs", p.File, len(missing))}
	}
	return nil
}

func objectCommand() *cobra.Command {
	var version string
	c := &cobra.Command{
		Use:   "object ID",
		Short: "prints an object of the OMA registry",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 16)
			if err != nil {
				return usagef("%q is no object id", args[0])
			}
			versions := model.Versions(uint16(id))
			if len(versions) == 0 {
				return usagef("the registry has no object %d", id)
			}
			var have []string
			for _, o := range versions {
				have = append(have, o.Version)
				if o.Version == version || version == "" && o == versions[len(versions)-1] {
					printObject(cmd.OutOrStdout(), o)
					return nil
				}
			}
			return usagef("the registry has object %d in the versions %s, not in %s", id, strings.Join(have, ", "), version)
		},
	}
	c.Flags().StringVar(&version, "version", "", "version of the object; the newest by default")
	return c
}

func printObject(w io.Writer, o *model.Object) {
	instances, presence := "single", "optional"
	if o.Multiple {
		instances = "multiple"
	}
	if o.Mandatory {
		presence = "mandatory"
	}
	fmt.Fprintf(w, "/%d %s, version %s, %s, %s, since LwM2M %s, %s\n\n", o.ID, o.Name, o.Version, instances, presence, o.MinLwM2M, o.URN)
	fmt.Fprintf(w, "%5s  %-4s %-8s %-9s %-8s %-18s %-8s %s\n", "id", "ops", "inst.", "presence", "type", "range", "unit", "name")
	for _, r := range o.Resources {
		inst, pres, ops := "single", "optional", string(r.Operations)
		if r.Multiple {
			inst = "multiple"
		}
		if r.Mandatory {
			pres = "mandatory"
		}
		if ops == "" {
			ops = "-"
		}
		fmt.Fprintf(w, "%5d  %-4s %-8s %-9s %-8s %-18s %-8s %s\n", r.ID, ops, inst, pres, r.Type, r.Range, r.Unit, r.Name)
	}
}

// version is set by the linker for a release.
var version = "development"

func tool() results.Tool {
	t := results.Tool{Name: "lwm2mspec", Version: version, Go: runtime.Version(), Commit: "unknown"}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				t.Commit = s.Value
			}
		}
	}
	return t
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "says which lwm2mspec this is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := tool()
			fmt.Fprintf(cmd.OutOrStdout(), "lwm2mspec %s, commit %s, %s\nETS %s\n%s\n", t.Version, t.Commit, t.Go, catalogue.Edition, trd.Edition)
			return nil
		},
	}
}
