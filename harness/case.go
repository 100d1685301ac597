package harness

import (
	"strings"
	"time"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Role is a part in the LwM2M architecture (Core 5).
type Role string

// The roles. Operator is who stands outside: in a step it means that the control or the harness acts.
const (
	Client          Role = "client"
	Server          Role = "server"
	BootstrapServer Role = "bootstrap-server"
	Operator        Role = "operator"
)

// Roles lists the roles an IUT can have.
func Roles() []Role { return []Role{Client, Server, BootstrapServer} }

// Case is one test case as a table. A constructor returns it, so every play gets fresh closures, and
// list, explain and the reports read the very text that is played.
type Case struct {
	ID      string        // canonical id, "LightweightM2M-1.1-int-102"
	Title   string        // as the ETS has it
	Section string        // of the ETS
	Group   string        // bootstrap, registration, device-management, ...
	Since   lwm2m.Version // first enabler version whose operations it uses

	// Security restricts the security modes the case can be played in; empty: any.
	Security []Security
	// Variants are the shapes the case is played in, one play each; empty: one play without a name.
	Variants []string

	Config Configuration // the ETS configuration the client starts from
	// Needs are the capabilities the IUT must have, by role: tokens of profile.Capabilities.
	Needs map[Role][]string
	// Values are the paths whose expected values the profile of a client must give (ruling R-3).
	Values []string
	// Given is the state the play begins in.
	Given Given
	Steps []Step
}

// Given is the precondition of a case.
type Given uint8

// The preconditions. Nothing: the IUT is started in step 1. Registered: the client is registered at
// the server, and the server account of the configuration has been found.
const (
	Nothing Given = iota
	Registered
)

// String says the precondition as the reports show it.
func (g Given) String() string {
	if g == Registered {
		return "the client is registered at the server"
	}
	return "the client is off; its configuration is loaded"
}

// Security is a security mode of a play.
type Security string

// The security modes that plays have now.
const (
	NoSec Security = "nosec"
	PSK   Security = "psk"
)

// Step is one step of a case: who does what to whom, and what is judged by it.
type Step struct {
	From, To Role
	Text     string
	Do       Operation
	// Within bounds a step that is awaited, counted from the end of the step before; 0: the profile's
	// bound for reactions (MAX_TRANSMIT_WAIT unless it says otherwise).
	Within time.Duration
	// OnlyFor restricts the step to plays in which this role is under test; "" plays it always.
	OnlyFor Role
	// When restricts the step to plays for which it is true, beside the role; nil: all.
	When func(*Play) bool
	// Optional: that the step does not happen is no reason to stop the play.
	Optional bool
	Judge    []Criterion
}

// Level is the keyword of the requirement a criterion judges.
type Level string

// A broken SHOULD is a warning, and a fail with --strict.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Criterion is one thing that is judged: one id, one sentence, one requirement or more, one check.
type Criterion struct {
	ID           string // frozen: number and slug, "int-102.2 update-carries-lifetime"
	Role         Role   // whose deed it judges
	Text         string
	Requirements []string
	Check        types.GomegaMatcher // over the *Exchange its step became
	Derived      bool                // not stated by the ETS; follows from the requirements (ruling R-1)
	Level        Level               // zero: Must
	Rulings      []string            // rulings and errata the verdict rests on
	Since        lwm2m.Version       // judged from this version on; 0: always
	// OnArrival: judged only if the step happened; an ETS alternative or an optional message. Not
	// happening is then not applicable, and another criterion says whether it had to happen.
	OnArrival bool
}

// Origin is "ets" or "derived".
func (c Criterion) Origin() string {
	if c.Derived {
		return "derived"
	}
	return "ets"
}

// Expected is what the check expects, in words.
func (c Criterion) Expected() string { return explainExpected(c.Check) }

// Number is the part of the id before the blank, "int-102.2".
func (c Criterion) Number() string { n, _, _ := strings.Cut(c.ID, " "); return n }

// Roles gives the roles the case judges, in the order of Roles.
func (c Case) Roles() []Role {
	var out []Role
	for _, r := range Roles() {
		if len(c.CriteriaFor(r)) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// CriteriaFor gives the criteria that judge a role, in the order of the steps.
func (c Case) CriteriaFor(r Role) []Criterion {
	var out []Criterion
	seen := map[string]bool{}
	for _, s := range c.StepsFor(r) {
		for _, k := range s.Judge {
			if k.Role == r && !seen[k.ID] {
				seen[k.ID] = true
				out = append(out, k)
			}
		}
	}
	return out
}

// StepsFor gives the steps that are played when the role is under test.
func (c Case) StepsFor(r Role) []Step {
	var out []Step
	for _, s := range c.Steps {
		if s.OnlyFor == "" || s.OnlyFor == r {
			out = append(out, s)
		}
	}
	return out
}

// ShortID is the id without the ETS's prefix: "int-102".
func (c Case) ShortID() string {
	if i := strings.Index(c.ID, "int-"); i >= 0 {
		return c.ID[i:]
	}
	return c.ID
}
