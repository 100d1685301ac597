package lwm2m

import "fmt"

// RuleLevel is the keyword of the rule a finding is about.
type RuleLevel string

// MUST is broken by an error, SHOULD by what the specification only advises against or leaves doubtful.
const (
	MUST   RuleLevel = "MUST"
	SHOULD RuleLevel = "SHOULD"
)

// Finding is one departure from a rule, found while decoding. Decoding goes on after it wherever the
// bytes still make sense.
type Finding struct {
	Rule   string    `json:"rule"`   // stable id, "<format>.<rule>", for example "tlv.integer-length"
	Level  RuleLevel `json:"level"`  //
	Offset int       `json:"offset"` // in bytes from the start of the payload
	Text   string    `json:"text"`   // one sentence: what stands there and what the rule asks for
}

// String gives the finding as one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s at byte %d: %s (%s)", f.Level, f.Offset, f.Text, f.Rule)
}

// BreaksMUST reports whether one of the findings breaks a MUST.
func BreaksMUST(fs []Finding) bool {
	for _, f := range fs {
		if f.Level == MUST {
			return true
		}
	}
	return false
}
