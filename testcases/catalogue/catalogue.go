// Package catalogue is the OMA Enabler Test Specification as data: its 155 cases with their steps and
// criteria, the errata found in it, and the rulings by which it is judged where it is silent, loose or
// literal. It holds what the ETS says; the cases that are played are in the packages beside it.
package catalogue

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Edition is the edition of the ETS.
const Edition = "INT 1.2.1"

// Case is one case of the ETS.
type Case struct {
	ID            string      `json:"id"`
	Also10        string      `json:"also_1_0"`
	Predecessor10 string      `json:"predecessor_1_0"`
	OtherNames    []string    `json:"aliases"`
	Title         string      `json:"title"`
	Section       string      `json:"section"`
	Group         string      `json:"group"`
	Status        string      `json:"status"` // procedure, placeholder, delegated, not-applicable
	Introduced    string      `json:"introduced"`
	Judges        []string    `json:"judges"`
	Transport     string      `json:"transport"`
	Config        []string    `json:"config"`
	Preconditions []string    `json:"preconditions"`
	Steps         []Step      `json:"steps"`
	Criteria      []Criterion `json:"pass"`
	Timing        []string    `json:"timing"`
	Requires      []string    `json:"requires"`
	Requirements  []string    `json:"requirements"`
	Errata        []string    `json:"errata"`
	Notes         []string    `json:"notes"`
	EntryCriteria bool        `json:"entry_criteria"`
}

// Step is one step.
type Step struct {
	N      int    `json:"n"`
	From   string `json:"from"`
	To     string `json:"to"`
	Action string `json:"action"`
	CoAP   string `json:"coap"`
}

// Criterion is one pass criterion.
type Criterion struct {
	N     int    `json:"n"`
	Judge string `json:"judge"`
	Check string `json:"check"`
	Code  string `json:"code"`
}

// Erratum is a defect of the ETS and how the tests go around it.
type Erratum struct {
	ID        string   `json:"id"`
	Cases     []string `json:"cases"`
	AsPrinted string   `json:"as_printed"`
	Problem   string   `json:"problem"`
	Rule      string   `json:"harness_rule"`
}

// Ruling says how a case is judged where the ETS leaves it open. Its id is R-n for those that hold for
// every case, else the case's short id, with the role where it is for one.
type Ruling struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

var (
	//go:embed data/cases.jsonl
	caseLines []byte
	//go:embed data/errata.jsonl
	errataLines []byte
	//go:embed data/rulings.jsonl
	rulingLines []byte
	//go:embed data/configurations.jsonl
	configurationLines []byte
)

func read[T any](b []byte) []T {
	var out []T
	for line := range bytes.Lines(b) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			panic("catalogue: " + err.Error()) // embedded data, held by a test
		}
		out = append(out, v)
	}
	return out
}

// All gives every case in the order of the ETS.
var All = sync.OnceValue(func() []Case { return read[Case](caseLines) })

// Errata gives every erratum.
var Errata = sync.OnceValue(func() []Erratum { return read[Erratum](errataLines) })

// Rulings gives every ruling.
var Rulings = sync.OnceValue(func() []Ruling { return read[Ruling](rulingLines) })

// Configuration is one of the ETS's initial configurations of a client.
type Configuration struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Notes []string `json:"notes"`
}

// Configurations gives C.1 to C.26.
var Configurations = sync.OnceValue(func() []Configuration { return read[Configuration](configurationLines) })

// Get gives a case by its canonical id.
func Get(id string) (Case, bool) {
	for _, c := range All() {
		if c.ID == id {
			return c, true
		}
	}
	return Case{}, false
}

// ShortID is the id without the prefix that most cases share: "int-102", "CONMGMT-int-1250".
func (c Case) ShortID() string { return Short(c.ID) }

// Short cuts an id down to its short form.
func Short(id string) string {
	s := strings.TrimPrefix(id, "LightweightM2M-")
	for _, release := range []string{"1.0-", "1.1-", "1.2-"} {
		s = strings.Replace(s, release, "", 1)
	}
	return s
}

// Aliases are the other ids of the case: its name in other editions, and the short forms.
func (c Case) Aliases() []string {
	names := append([]string{c.ID, c.Also10, c.Predecessor10}, c.OtherNames...)
	var out []string
	for _, n := range names {
		if n == "" {
			continue
		}
		for _, a := range []string{n, strings.TrimPrefix(n, "LightweightM2M-"), Short(n)} {
			if a != c.ID && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// ErrataOf gives the errata that name the case.
func ErrataOf(id string) []Erratum {
	var out []Erratum
	for _, e := range Errata() {
		if slices.Contains(e.Cases, id) {
			out = append(out, e)
		}
	}
	return out
}

// RulingsOf gives the rulings that name the case.
func RulingsOf(id string) []Ruling {
	number := strings.TrimPrefix(Short(id), "int-")
	var out []Ruling
	for _, r := range Rulings() {
		head, _, _ := strings.Cut(strings.TrimPrefix(r.ID, "int-"), ", client")
		head, _, _ = strings.Cut(head, ", server")
		head, _, _ = strings.Cut(head, ", bootstrap server")
		if slices.Contains(strings.Split(head, ", "), number) {
			out = append(out, r)
		}
	}
	return out
}

// Text gives what a ruling or an erratum says, by its id.
func Text(id string) (string, bool) {
	for _, r := range Rulings() {
		if r.ID == id {
			return r.Text, true
		}
	}
	for _, e := range Errata() {
		if e.ID == id {
			return e.Problem + ": " + e.Rule, true
		}
	}
	return "", false
}
