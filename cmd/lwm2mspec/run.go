package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/reports"
	"github.com/lwm2mspec/lwm2mspec/results"
	"github.com/lwm2mspec/lwm2mspec/suites"
	"github.com/lwm2mspec/lwm2mspec/testcases"
	"github.com/lwm2mspec/lwm2mspec/testcases/catalogue"
	"github.com/lwm2mspec/lwm2mspec/trd"
)

// runOptions are the flags of run beside the selection.
type runOptions struct {
	selection
	out      string
	realTime bool
	strict   bool
	seed     uint64
	repeat   int
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run [CASE...]",
		Short: "plays cases against an implementation under test and reports",
		Long:  "Plays cases, named by id or pattern (int-101, 1.0-int-101, 'int-10*'), against an implementation under test.\nWithout --iut the reference peers of this program are under test, in virtual time.",
		RunE:  func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), cmd.OutOrStdout(), args) },
	}
	o.flags(c.Flags())
	c.Flags().StringVarP(&o.out, "out", "o", "lwm2mspec-report", "folder for the reports")
	c.Flags().BoolVar(&o.realTime, "real-time", false, "plays embedded peers over loopback sockets instead of in virtual time")
	c.Flags().BoolVar(&o.strict, "strict", false, "a broken SHOULD fails")
	c.Flags().Uint64Var(&o.seed, "seed", 0, "fixes tokens, message IDs and keys; a new one each run by default")
	c.Flags().IntVar(&o.repeat, "repeat", 1, "plays everything this often")
	return c
}

func (o *runOptions) run(ctx context.Context, out io.Writer, patterns []string) error {
	plays, skipped, profiles, err := o.plan(patterns)
	if err != nil {
		return usage(err)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}
	head := o.head(plays, skipped, profiles)
	store, err := results.Create(o.out, head)
	if err != nil {
		return coded{exitUsage, err}
	}
	if err := clearCaptures(o.out); err != nil {
		return coded{exitUsage, err}
	}
	fmt.Fprintln(out, introduction(head, len(plays)))
	rec := &recorder{out: out, dir: o.out, store: store}
	for _, r := range skipped {
		rec.finished(r, nil)
	}
	suites.Run(ctx, plays, harness.Schedule{
		Seed: o.seed, RealTime: o.realTime, Strict: o.strict, Reproduce: o.reproduce,
		Started: rec.started, Finished: rec.finished,
	})
	if ctx.Err() != nil {
		head.Interrupted = "interrupted by a signal"
	}
	return rec.end(head)
}

// plan turns the command line into plays; cases that are selected and not implemented become results
// that say so.
func (o *runOptions) plan(patterns []string) ([]harness.Planned, []results.Result, []*profile.Profile, error) {
	cases, err := o.cases(patterns)
	if err != nil {
		return nil, nil, nil, err
	}
	profiles, err := o.load()
	if err != nil {
		return nil, nil, nil, err
	}
	axes, err := o.axes(o.repeat)
	if err != nil {
		return nil, nil, nil, err
	}
	plays, missing, err := harness.Plan(implemented(cases), profiles, axes)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(missing) > 0 {
		return nil, nil, nil, tellMissing(profiles, missing)
	}
	var skipped []results.Result
	if len(patterns) > 0 || len(o.groups) > 0 {
		skipped = notImplemented(cases, profiles)
	}
	if len(plays)+len(skipped) == 0 {
		return nil, nil, nil, fmt.Errorf("nothing of the selection judges the role of %s", profiles[0].Name)
	}
	return plays, skipped, profiles, nil
}

func tellMissing(ps []*profile.Profile, missing []harness.Missing) error {
	var errs []error
	for _, m := range missing {
		errs = append(errs, fmt.Errorf("%s leaves open what the selection needs: write %s (asked for by %s)", ps[0].File, m.What, strings.Join(m.Cases, ", ")))
	}
	return errors.Join(errs...)
}

func notImplemented(cs []catalogue.Case, ps []*profile.Profile) []results.Result {
	var out []results.Result
	for _, c := range cs {
		if _, ok := testcases.Get(c.ID); ok {
			continue
		}
		for _, p := range ps {
			if !slices.Contains(c.Judges, p.Role) && len(c.Judges) > 0 {
				continue
			}
			out = append(out, results.Result{
				Key:   results.Key{Case: c.ID, Role: p.Role, IUT: p.Name, Repetition: 1},
				Title: c.Title, Section: c.Section, Group: c.Group, Verdict: results.NotApplicable, Reason: "not implemented yet (" + status(c) + ")",
			})
		}
	}
	return out
}

func (o *runOptions) head(plays []harness.Planned, skipped []results.Result, ps []*profile.Profile) results.Run {
	h := results.Run{
		Schema: results.Schema, Tool: tool(), Started: time.Now(), Command: strings.Join(append([]string{"lwm2mspec"}, os.Args[1:]...), " "),
		Seed: o.seed, Edition: catalogue.Edition, Requirements: trd.Edition,
	}
	for _, p := range ps {
		h.IUTs = append(h.IUTs, results.IUT{Name: p.Name, Role: p.Role, Control: p.Control.Kind(), Profile: p.File})
		h.Virtual = h.Virtual || p.Control.Embedded != nil && !o.realTime
	}
	for _, p := range plays {
		h.Planned = append(h.Planned, p.Key)
	}
	for _, r := range skipped {
		h.Planned = append(h.Planned, r.Key)
	}
	return h
}

func introduction(h results.Run, n int) string {
	var names []string
	for _, i := range h.IUTs {
		names = append(names, i.Name)
	}
	time := ""
	if h.Virtual {
		time = ", in virtual time (waits cost nothing; --real-time plays over sockets)"
	}
	return reports.Safe(fmt.Sprintf("%d plays against %s, seed %d%s", n, strings.Join(names, ", "), h.Seed, time))
}

// reproduce is the command line that plays one key again.
func (o *runOptions) reproduce(p harness.Planned) string {
	words := []string{"lwm2mspec", "run", p.Case.ShortID()}
	if p.Profile.Control.Embedded == nil {
		words = append(words, "--iut", p.Profile.File)
	} else {
		words = append(words, "--role", p.Key.Role)
		if m := p.Profile.Control.Embedded.Misbehave; m != "" {
			words = append(words, "--misbehave", m)
		}
		if o.realTime {
			words = append(words, "--real-time")
		}
	}
	words = append(words, "--lwm2m", p.Key.LwM2M, "--security", p.Key.Security, "--seed", fmt.Sprint(o.seed))
	return strings.Join(words, " ")
}

func clearCaptures(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "captures", "*.pcapng"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("the old capture %s cannot be removed: %w", f, errors.Unwrap(err))
		}
	}
	return nil
}

// recorder keeps and shows results as they come.
type recorder struct {
	mu    sync.Mutex
	out   io.Writer
	dir   string
	store *results.Store
	errs  []error
}

func (r *recorder) started(k results.Key) {
	if err := r.store.Started(k); err != nil {
		r.fail(err)
	}
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9.]+`)

func (r *recorder) finished(res results.Result, capture []byte) {
	if len(capture) > 0 {
		res.Capture = "captures/" + unfit.ReplaceAllString(reports.Name(res.Key), "-") + ".pcapng"
		if err := os.WriteFile(filepath.Join(r.dir, res.Capture), capture, 0o644); err != nil {
			r.fail(fmt.Errorf("the capture %s cannot be written: %w", res.Capture, errors.Unwrap(err)))
			res.Capture = ""
		}
	}
	if err := r.store.Finished(res); err != nil {
		r.fail(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.out, reports.Line(res))
	reports.Failure(r.out, res)
}

// end writes the reports of what was done and gives the run's exit code.
func (r *recorder) end(head results.Run) error {
	if err := r.store.Close(head.Interrupted); err != nil {
		r.fail(err)
	}
	return finish(r.out, r.dir, r.errs)
}

// finish makes the reports of a folder from its store.
func finish(out io.Writer, dir string, errs []error) error {
	head, all, err := results.Load(dir)
	if err != nil {
		return coded{exitError, errors.Join(append(errs, err)...)}
	}
	if err := reports.WriteAll(dir, head, all); err != nil {
		errs = append(errs, err)
	}
	reports.Summary(out, head, all)
	fmt.Fprintf(out, "\nreports in %s: report.html, junit.xml, results.json, results.ndjson, captures\n", dir)
	if len(errs) > 0 {
		return coded{exitError, errors.Join(errs...)}
	}
	if code := results.ExitCode(head, all); code != 0 {
		return coded{code: code}
	}
	return nil
}

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR",
		Short: "makes the reports of a run again from its results.ndjson, also of one that was killed",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return finish(cmd.OutOrStdout(), args[0], nil) },
	}
}
