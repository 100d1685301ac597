package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/lwm2mspec/lwm2mspec/results"
)

// JUnit writes one testsuite per case and axis and one testcase per criterion, as GitHub, GitLab and
// Jenkins show them: fail is a failure; error and inconclusive are errors, which the type tells apart;
// not applicable and not run are skipped.
func JUnit(w io.Writer, run results.Run, rs []results.Result) error {
	all := junit.Testsuites{Name: "lwm2mspec"}
	for _, r := range rs {
		all.AddSuite(suite(r))
	}
	for _, k := range results.NotRun(run, rs) {
		all.AddSuite(suite(results.Result{Key: k, Verdict: results.NotApplicable, Reason: "not run: " + run.Interrupted}))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	return all.WriteXML(w)
}

func suite(r results.Result) junit.Testsuite {
	k := r.Key
	s := junit.Testsuite{Name: clean(Name(k)), Time: seconds(r.Duration), Hostname: "localhost"}
	if !r.Started.IsZero() {
		s.SetTimestamp(r.Started)
	}
	property := func(name, value string) {
		if value != "" {
			s.AddProperty(name, clean(value))
		}
	}
	property("tcd", k.Case)
	property("title", r.Title)
	property("role", k.Role)
	property("iut", k.IUT)
	property("lwm2m", k.LwM2M)
	property("transport", k.Transport)
	property("security", k.Security)
	property("format", k.Format)
	property("requirements", strings.Join(requirements(r), " "))
	property("seed", fmt.Sprint(r.Seed))
	property("capture", r.Capture)
	property("reproduce", r.Reproduce)
	class := clean(k.Role + "." + k.Case)
	for _, c := range r.Criteria {
		s.AddTestcase(testcase(class, r, c))
	}
	if len(r.Criteria) == 0 {
		s.AddTestcase(testcase(class, r, results.Criterion{ID: k.Case, Text: r.Title, Verdict: r.Verdict, Reason: r.Reason}))
	}
	if len(r.Output) > 0 {
		s.SystemOut = &junit.Output{Data: clean(strings.Join(r.Output, "\n"))}
	}
	return s
}

func testcase(class string, r results.Result, c results.Criterion) junit.Testcase {
	t := junit.Testcase{Classname: class, Name: clean(strings.TrimSpace(c.ID + ": " + c.Text)), Time: "0"}
	details := &junit.Result{Message: clean(reason(c)), Type: string(c.Verdict), Data: clean(FailureText(r, c))}
	switch c.Verdict {
	case results.Pass:
	case results.Fail:
		t.Failure = details
	case results.NotApplicable:
		t.Skipped = &junit.Result{Message: details.Message}
	default:
		t.Error = details
	}
	return t
}

func reason(c results.Criterion) string {
	if c.Reason != "" {
		return c.Reason
	}
	return fmt.Sprintf("expected %s, got %s", c.Expected, c.Actual)
}

func requirements(r results.Result) []string {
	seen := map[string]bool{}
	var out []string
	for _, c := range r.Criteria {
		for _, q := range c.Requirements {
			if !seen[q] {
				seen[q] = true
				out = append(out, q)
			}
		}
	}
	return out
}

func seconds(d results.Duration) string { return fmt.Sprintf("%.3f", time.Duration(d).Seconds()) }

// clean replaces what XML 1.0 cannot hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r == 0xfffe, r == 0xffff, r < 0x20 && r != '\t' && r != '\n' && r != '\r':
			return '\ufffd'
		}
		return r
	}, s)
}
