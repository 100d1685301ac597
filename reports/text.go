package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lwm2mspec/lwm2mspec/results"
	"github.com/lwm2mspec/lwm2mspec/trd"
)

// Name is what a play is called: case, role and axes.
func Name(k results.Key) string {
	s := fmt.Sprintf("%s %s %s %s", shortCase(k.Case), k.Role, k.LwM2M, k.Security)
	if k.Format != "" {
		s += " " + k.Format
	}
	if k.Repetition > 1 {
		s += fmt.Sprintf(" #%d", k.Repetition)
	}
	return s
}

func shortCase(id string) string {
	if i := strings.Index(id, "int-"); i >= 0 {
		return id[i:]
	}
	return id
}

// Line is one line of live progress: the play, its verdict, the time it took.
func Line(r results.Result) string {
	took := time.Duration(r.Duration).Round(10 * time.Millisecond).String()
	if r.Virtual {
		took += " of virtual time"
	}
	s := fmt.Sprintf("%-14s %-44s %s", r.Verdict, Name(r.Key), took)
	return Safe(strings.TrimRight(s, " "))
}

// Failure writes everything about a result that is not a pass, for the terminal.
func Failure(w io.Writer, r results.Result) {
	if r.Verdict == results.Pass || r.Verdict == results.NotApplicable {
		return
	}
	fmt.Fprintf(w, "\n%s: %s (%s)\n", r.Verdict, Name(r.Key), r.Title)
	shown := false
	for _, c := range r.Criteria {
		if c.Verdict == results.Fail || c.Verdict == results.Error {
			fmt.Fprint(w, indent(Safe(FailureText(r, c))))
			shown = true
		}
	}
	if !shown || r.Verdict != results.Fail {
		fmt.Fprintf(w, "  %s\n", Safe(r.Reason))
		for _, l := range tail(r.Output, 5) {
			fmt.Fprintf(w, "  | %s\n", Safe(l))
		}
	}
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "  remark: %s\n", Safe(x))
	}
	if r.Reproduce != "" {
		fmt.Fprintf(w, "  again: %s\n", r.Reproduce)
	}
}

func tail(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ") + "\n"
}

// FailureText says of one criterion which requirement it judges, what was expected, what came and in
// which message.
func FailureText(r results.Result, c results.Criterion) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", c.ID, c.Text)
	for _, id := range c.Requirements {
		if q, ok := trd.Get(id); ok {
			fmt.Fprintf(&b, "  requirement  %s (%s): %s\n", q.ID, q.Level, q.Text)
		}
	}
	if len(c.Rulings) > 0 {
		fmt.Fprintf(&b, "  judged by    %s\n", strings.Join(c.Rulings, "; "))
	}
	fmt.Fprintf(&b, "  expected     %s\n", c.Expected)
	if c.Actual != "" {
		fmt.Fprintf(&b, "  actual       %s\n", c.Actual)
	}
	if c.Reason != "" {
		fmt.Fprintf(&b, "  because      %s\n", c.Reason)
	}
	for _, m := range r.Messages {
		if m.N == c.Message {
			fmt.Fprintf(&b, "  message %-4d %s → %s: %s\n", m.N, m.From, m.To, m.Summary)
		}
	}
	return b.String()
}

// Summary writes the counts by role and verdict.
func Summary(w io.Writer, run results.Run, rs []results.Result) {
	var roles []string
	count := map[string]map[results.Verdict]int{}
	for _, r := range rs {
		if count[r.Key.Role] == nil {
			count[r.Key.Role] = map[results.Verdict]int{}
			roles = append(roles, r.Key.Role)
		}
		count[r.Key.Role][r.Verdict]++
	}
	slices.Sort(roles)
	fmt.Fprintf(w, "\n%-18s", "")
	for _, v := range results.Verdicts() {
		fmt.Fprintf(w, "%16s", v)
	}
	fmt.Fprintln(w)
	for _, role := range roles {
		fmt.Fprintf(w, "%-18s", role)
		for _, v := range results.Verdicts() {
			fmt.Fprintf(w, "%16d", count[role][v])
		}
		fmt.Fprintln(w)
	}
	if n := len(results.NotRun(run, rs)); n > 0 {
		fmt.Fprintf(w, "\n%d plays were not run: %s\n", n, run.Interrupted)
	}
}

// Safe makes text of an IUT harmless on a terminal: control characters and those that turn the writing
// direction are shown as code points.
func Safe(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "\\u%04x", r)
	}
	return b.String()
}
