package harness

import (
	"fmt"
	"strings"

	"github.com/onsi/gomega"
	"github.com/onsi/gomega/matchers"
	"github.com/onsi/gomega/types"
)

// Judgement is what a check says of an exchange.
type Judgement struct {
	OK      bool
	Actual  string // what was seen, decoded, as one line
	Message int    // number of the message that decided; 0: none
	// Warning remarks on something the specification only advises against, or on a reading that was
	// given the benefit of the doubt; it never changes the verdict.
	Warning string
}

// check is a matcher over an *Exchange that can say what it expected and what it saw, so that a
// verdict can be acted upon. It is a Gomega matcher and combines with And, Or and Not.
type check struct {
	expected string
	judge    func(x *Exchange) Judgement
}

var _ types.GomegaMatcher = (*check)(nil)

// Satisfy is a check of its own: expected completes "expected ", judge looks at the exchange.
func Satisfy(expected string, judge func(x *Exchange) Judgement) types.GomegaMatcher {
	return &check{expected, judge}
}

// And, Or and Not combine checks; they are Gomega's, so that a case needs one import.
func And(ms ...types.GomegaMatcher) types.GomegaMatcher { return gomega.And(ms...) }

// Or holds if one of the checks does.
func Or(ms ...types.GomegaMatcher) types.GomegaMatcher { return gomega.Or(ms...) }

// Not holds if the check does not.
func Not(m types.GomegaMatcher) types.GomegaMatcher { return gomega.Not(m) }

// Match is Gomega's.
func (c *check) Match(actual any) (bool, error) {
	x, ok := actual.(*Exchange)
	if !ok {
		return false, fmt.Errorf("a check judges an *Exchange, not a %T", actual)
	}
	j := c.judge(x)
	if j.Warning != "" {
		x.warn(j.Warning)
	}
	return j.OK, nil
}

// FailureMessage is Gomega's.
func (c *check) FailureMessage(actual any) string { return c.text(actual, "expected ") }

// NegatedFailureMessage is Gomega's.
func (c *check) NegatedFailureMessage(actual any) string { return c.text(actual, "did not expect ") }

func (c *check) text(actual any, verb string) string {
	if x, ok := actual.(*Exchange); ok {
		return verb + c.expected + ", got " + c.judge(x).Actual
	}
	return verb + c.expected
}

// explanation is what a failed or held check is reported with.
type explanation struct {
	expected, actual string
	message          int
}

// explain finds, in a combination of checks, the one that decided and lets it speak.
func explain(m types.GomegaMatcher, x *Exchange) explanation {
	switch m := m.(type) {
	case *check:
		j := m.judge(x)
		return explanation{m.expected, j.Actual, j.Message}
	case *matchers.AndMatcher:
		return explainAll(m.Matchers, x)
	case *matchers.OrMatcher:
		return explainAny(m.Matchers, x)
	case *matchers.NotMatcher:
		e := explain(m.Matcher, x)
		e.expected = "not " + e.expected
		return e
	}
	return explanation{expected: m.FailureMessage(x)}
}

// explainExpected is what a check expects, without an exchange to look at.
func explainExpected(m types.GomegaMatcher) string {
	join := func(ms []types.GomegaMatcher, sep string) string {
		var all []string
		for _, m := range ms {
			all = append(all, explainExpected(m))
		}
		return strings.Join(all, sep)
	}
	switch m := m.(type) {
	case *check:
		return m.expected
	case *matchers.AndMatcher:
		return join(m.Matchers, "; ")
	case *matchers.OrMatcher:
		return join(m.Matchers, ", or ")
	case *matchers.NotMatcher:
		return "not " + explainExpected(m.Matcher)
	}
	return ""
}

func explainAll(ms []types.GomegaMatcher, x *Exchange) explanation {
	var all []string
	for _, m := range ms {
		e := explain(m, x)
		if ok, err := m.Match(x); err != nil || !ok {
			return e
		}
		all = append(all, e.expected)
	}
	e := explanation{expected: strings.Join(all, "; ")}
	if len(ms) > 0 {
		last := explain(ms[len(ms)-1], x)
		e.actual, e.message = last.actual, last.message
	}
	return e
}

func explainAny(ms []types.GomegaMatcher, x *Exchange) explanation {
	var e explanation
	var all []string
	for _, m := range ms {
		e = explain(m, x)
		all = append(all, e.expected)
	}
	e.expected = strings.Join(all, ", or ")
	return e
}
