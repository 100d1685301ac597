package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/trd"
)

// CaseInfo is what list says of a case.
type CaseInfo struct {
	ID       string   `json:"id"`
	Aliases  []string `json:"aliases"`
	Title    string   `json:"title"`
	Section  string   `json:"section"`
	Group    string   `json:"group"`
	Roles    []string `json:"roles"`
	Versions []string `json:"versions"`
	Status   string   `json:"status"` // implemented, planned, placeholder, delegated, not-applicable
	// Selected and Why are there when a profile was given.
	Selected *bool  `json:"selected,omitempty"`
	Why      string `json:"why,omitempty"`
}

// List writes the cases, as a table or as JSON.
func List(w io.Writer, cases []CaseInfo, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(cases)
	}
	for _, c := range cases {
		mark := ""
		if c.Selected != nil {
			mark = "no   "
			if *c.Selected {
				mark = "yes  "
			}
		}
		fmt.Fprintf(w, "%s%-32s %-14s %-12s %-30s %s\n", mark, c.ID, c.Status, strings.Join(c.Versions, ","), strings.Join(c.Roles, ","), c.Title)
		if c.Why != "" {
			fmt.Fprintf(w, "%s      %s\n", mark, c.Why)
		}
	}
	return nil
}

// Explanation is what explain says of a case.
type Explanation struct {
	CaseInfo
	Configuration string
	Preconditions []string
	Steps         []ExplainedStep
	Requirements  []string // of a case that is not implemented
	Notes         []Note   // errata and rulings
}

// ExplainedStep is a step with what it judges.
type ExplainedStep struct {
	From, To, Text string
	OnlyFor        string
	Criteria       []ExplainedCriterion
}

// ExplainedCriterion is a criterion as the case states it.
type ExplainedCriterion struct {
	ID, Role, Text, Origin, Level, Expected string
	Requirements                            []string
	Rulings                                 []string
}

// Note is an erratum or a ruling.
type Note struct{ ID, Text string }

// Explain writes everything there is to know about a case before it is played.
func Explain(w io.Writer, e Explanation) {
	fmt.Fprintf(w, "%s  %s\n", e.ID, e.Title)
	fmt.Fprintf(w, "ETS %s, group %s, %s, for %s, LwM2M %s\n", e.Section, e.Group, e.Status, strings.Join(e.Roles, " and "), strings.Join(e.Versions, ", "))
	fmt.Fprintf(w, "also named %s\n", strings.Join(e.Aliases, ", "))
	if e.Configuration != "" {
		fmt.Fprintf(w, "\nConfiguration\n  %s\n", e.Configuration)
	}
	if len(e.Preconditions) > 0 {
		fmt.Fprintf(w, "\nPreconditions\n  %s\n", strings.Join(e.Preconditions, "\n  "))
	}
	fmt.Fprintln(w, "\nSteps and criteria")
	cited := append([]string(nil), e.Requirements...)
	for i, s := range e.Steps {
		fmt.Fprintf(w, "  %d. %s → %s: %s", i+1, s.From, s.To, s.Text)
		if s.OnlyFor != "" {
			fmt.Fprintf(w, " (only with a %s under test)", s.OnlyFor)
		}
		fmt.Fprintln(w)
		for _, c := range s.Criteria {
			fmt.Fprintf(w, "     %s [%s, %s, %s]\n       %s\n", c.ID, c.Role, c.Origin, c.Level, c.Text)
			if c.Expected != "" {
				fmt.Fprintf(w, "       expects %s\n", c.Expected)
			}
			if len(c.Requirements) > 0 {
				fmt.Fprintf(w, "       judges %s\n", strings.Join(c.Requirements, ", "))
			}
			cited = append(cited, c.Requirements...)
		}
	}
	explainRequirements(w, cited)
	if len(e.Notes) > 0 {
		fmt.Fprintln(w, "\nErrata and rulings")
		for _, n := range e.Notes {
			fmt.Fprintf(w, "  %s: %s\n", n.ID, n.Text)
		}
	}
}

func explainRequirements(w io.Writer, ids []string) {
	if len(ids) == 0 {
		return
	}
	fmt.Fprintln(w, "\nRequirements")
	seen := map[string]bool{}
	for _, id := range ids {
		q, ok := trd.Get(id)
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		fmt.Fprintf(w, "  %s (%s, LwM2M %s): %s\n    %s\n", q.ID, q.Level, strings.Join(q.Versions, ", "), q.Text, strings.Join(q.Spec, "; "))
	}
}
