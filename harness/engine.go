package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// Options are what a play depends on beside its case, key and profile.
type Options struct {
	Network link.Network
	IUT     control.IUT
	Seed    uint64
	Virtual bool
	Strict  bool // a broken SHOULD fails
	// Reproduce is the command line that plays the case again.
	Reproduce string
}

// failure ends a play with a verdict that is not the steps'.
type failure struct {
	verdict results.Verdict
	err     error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

func inconclusive(format string, args ...any) error {
	return failure{results.Inconclusive, fmt.Errorf(format, args...)}
}

// Run plays a case against an IUT and judges every criterion of the IUT's role. It returns when
// everything it started has ended, and always with a result.
func Run(ctx context.Context, c Case, key results.Key, prof *profile.Profile, o Options) (results.Result, []trace.Entry) {
	version, err := lwm2m.ParseVersion(key.LwM2M)
	if err != nil {
		version = lwm2m.V1_1
	}
	p := &Play{
		Case: c, Role: Role(key.Role), Version: version, Key: key, Seed: o.Seed, strict: o.Strict,
		profile: prof, iut: o.IUT, network: o.Network, security: Security(key.Security),
		trace: trace.New(), started: time.Now(), stepEnd: time.Now(), verdicts: map[string]results.Criterion{},
	}
	p.trace.SetIUT(key.Role)
	p.endpoint = p.makeEndpoint()
	ctx, cancel := context.WithTimeoutCause(ctx, prof.Timeouts.Case, fmt.Errorf("the case took longer than %v (timeouts.case)", prof.Timeouts.Case))
	ctx, p.abort = context.WithCancelCause(ctx)
	err = p.guarded(ctx)
	p.abort(nil)
	cancel()
	p.guard(p.env.close)
	p.wg.Wait()
	return p.result(err, o), p.trace.Entries()
}

// guarded plays, with a panic of ours turned into the verdict error.
func (p *Play) guarded(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = failure{results.Error, fmt.Errorf("lwm2mspec itself failed: %v", r)}
		}
	}()
	return p.play(ctx)
}

// guard runs f and keeps a panic of it from ending the program.
func (p *Play) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked(r)
		}
	}()
	f()
}

// spawn starts a goroutine of the play.
func (p *Play) spawn(f func()) { p.wg.Go(func() { p.guard(f) }) }

// panicked is told of every panic in a goroutine of the play or of our peers.
func (p *Play) panicked(v any) {
	p.abort(failure{results.Error, fmt.Errorf("lwm2mspec itself failed: %v", v)})
}

func (p *Play) play(ctx context.Context) error {
	setup := p.setupServer
	if p.Role == Client {
		setup = p.setupClient
	}
	if err := setup(ctx); err != nil {
		return err
	}
	if ended := p.iut.Ended(); ended != nil {
		p.spawn(func() {
			select {
			case <-ended:
				p.abort(inconclusive("%v: %w", errIUTEnded, p.iut.Err()))
			case <-ctx.Done():
			}
		})
	}
	if err := p.given(ctx); err != nil {
		return p.cause(ctx, err)
	}
	p.stepEnd = time.Now()
	for i, s := range p.Case.StepsFor(p.Role) {
		if s.When != nil && !s.When(p) {
			p.steps = append(p.steps, results.Step{N: i + 1, From: string(s.From), To: string(s.To), Text: s.Text, At: p.since(), Outcome: "not needed here"})
			p.notNeeded(i+1, s)
			continue
		}
		if err := p.step(ctx, i+1, s); err != nil {
			return p.cause(ctx, err)
		}
	}
	return nil
}

// cause prefers why the play was aborted over what that led to.
func (p *Play) cause(ctx context.Context, err error) error {
	var f failure
	if c := context.Cause(ctx); c != nil && errors.As(c, &f) {
		return f
	}
	if ctx.Err() != nil && !errors.As(err, &f) {
		return failure{results.Inconclusive, fmt.Errorf("the play was ended: %w", context.Cause(ctx))}
	}
	return err
}

func (p *Play) since() results.Duration { return results.Duration(time.Since(p.started)) }

// step plays one step and judges it. The error ends the play: a step that later ones stand on did not
// happen.
func (p *Play) step(ctx context.Context, n int, s Step) error {
	out := results.Step{N: n, From: string(s.From), To: string(s.To), Text: s.Text, At: p.since()}
	before := p.trace.Len()
	x, err := s.Do.play(ctx, p, s)
	p.stepEnd = time.Now()
	for _, e := range p.trace.Entries()[before:] {
		if e.Kind == trace.CoAP {
			out.Messages = append(out.Messages, e.N)
		}
	}
	out.Outcome = outcome(x, err)
	p.steps = append(p.steps, out)
	if ctx.Err() != nil {
		return err
	}
	switch {
	case x != nil:
		return p.judge(n, s, x)
	case err == nil:
		return nil
	case errors.Is(err, errSilence):
		return p.silent(n, s, err)
	}
	var f failure
	if errors.As(err, &f) {
		return err
	}
	return failure{results.Error, fmt.Errorf("step %d: %w", n, err)}
}

func outcome(x *Exchange, err error) string {
	switch {
	case x != nil && x.Response != nil:
		return x.describeRequest() + " → " + x.describeResponse()
	case x != nil:
		return x.describeRequest() + " → " + x.noResponse().Actual
	case err != nil:
		return err.Error()
	}
	return "done"
}

// judge gives a verdict to each criterion of the step: to the IUT's as the result, to ours as an
// assertion on ourselves.
func (p *Play) judge(n int, s Step, x *Exchange) error {
	for _, k := range s.Judge {
		if k.Since != 0 && p.Version < k.Since {
			continue
		}
		ok, err := k.Check.Match(x)
		e := explain(k.Check, x)
		if k.Role != p.Role {
			if err == nil && !ok && x.Response != nil && x.Request.From != string(p.Role) {
				p.warn(fmt.Sprintf("our own %s did not keep %s: expected %s, got %s", k.Role, k.Number(), e.expected, e.actual))
			}
			continue
		}
		c := p.criterion(n, k)
		c.Expected, c.Actual, c.Message = e.expected, e.actual, e.message
		switch {
		case err != nil:
			c.Verdict, c.Reason = results.Error, err.Error()
		case ok:
			c.Verdict = results.Pass
		case k.Level == Should && !p.strict:
			c.Verdict, c.Reason = results.Pass, "a SHOULD was not kept"
			p.warn(fmt.Sprintf("%s: a SHOULD was not kept: expected %s, got %s (message %d)", k.ID, e.expected, e.actual, e.message))
		default:
			c.Verdict = results.Fail
		}
		p.record(c)
	}
	if x.Response == nil && x.brokenBy == nil && s.From != p.Role && s.silentIsEnd(p) {
		return inconclusive("not reached: step %d stayed without an answer", n)
	}
	return nil
}

// silentIsEnd: without an answer to a request of ours the IUT is no further than before the step.
func (s Step) silentIsEnd(*Play) bool { return !s.Optional && len(s.Judge) > 0 }

// silent judges a step that did not happen within its bound: a fail of its criteria, where the IUT was
// there and answered, since silence then is its own doing.
func (p *Play) silent(n int, s Step, err error) error {
	spoke := p.spoke()
	for _, k := range s.Judge {
		if k.Role != p.Role || k.Since != 0 && p.Version < k.Since {
			continue
		}
		c := p.criterion(n, k)
		c.Expected, c.Actual = explainExpected(k.Check), err.Error()
		switch {
		case k.OnArrival:
			c.Verdict, c.Reason = results.NotApplicable, "the step did not happen, which the ETS leaves open"
		case s.From != p.Role || !spoke:
			c.Verdict, c.Reason = results.Inconclusive, "not reached: "+err.Error()
		case k.Level == Should && !p.strict:
			c.Verdict = results.Pass
			p.warn(fmt.Sprintf("%s: a SHOULD was not kept: %v", k.ID, err))
		default:
			c.Verdict = results.Fail
		}
		p.record(c)
	}
	if s.Optional {
		return nil
	}
	return inconclusive("not reached: step %d did not happen: %v", n, err)
}

// notNeeded says of the criteria of a step that this play does not need that they do not apply.
func (p *Play) notNeeded(n int, s Step) {
	for _, k := range s.Judge {
		if k.Role == p.Role {
			c := p.criterion(n, k)
			c.Expected, c.Verdict, c.Reason = explainExpected(k.Check), results.NotApplicable, "this play does not need the step"
			p.record(c)
		}
	}
}

// record keeps the verdict on a criterion; of one that several steps judge the worst.
func (p *Play) record(c results.Criterion) {
	if old, ok := p.verdicts[c.ID]; ok && results.Worst(old.Verdict, c.Verdict) == old.Verdict {
		return
	}
	p.verdicts[c.ID] = c
}

// spoke reports whether the IUT has answered or asked anything in this play.
func (p *Play) spoke() bool {
	return slices.ContainsFunc(p.trace.Entries(), func(e trace.Entry) bool { return e.Kind == trace.CoAP && e.From == string(p.Role) })
}

func (p *Play) criterion(step int, k Criterion) results.Criterion {
	level := k.Level
	if level == "" {
		level = Must
	}
	return results.Criterion{
		ID: k.ID, Text: k.Text, Role: string(k.Role), Origin: k.Origin(), Level: string(level),
		Requirements: k.Requirements, Rulings: k.Rulings, Step: step,
	}
}

// result puts the verdicts together. A criterion that no step reached is inconclusive, with the reason.
func (p *Play) result(err error, o Options) results.Result {
	r := results.Result{
		Key: p.Key, Title: p.Case.Title, Section: p.Case.Section, Group: p.Case.Group,
		Started: time.Now(), Duration: p.since(), Virtual: o.Virtual, Seed: o.Seed, Reproduce: o.Reproduce,
		Steps: p.steps, Output: p.redactLines(p.iut.Output()),
	}
	var f failure
	isFailure := errors.As(err, &f)
	var all []results.Verdict
	seen := map[string]bool{}
	for i, s := range p.Case.StepsFor(p.Role) {
		for _, k := range s.Judge {
			if k.Role != p.Role || k.Since != 0 && p.Version < k.Since || seen[k.ID] {
				continue
			}
			seen[k.ID] = true
			c, judged := p.verdicts[k.ID]
			if !judged {
				c = p.criterion(i+1, k)
				c.Expected = explainExpected(k.Check)
				c.Verdict, c.Reason = results.Inconclusive, "not reached"
				if isFailure {
					c.Verdict, c.Reason = f.verdict, err.Error()
				}
			}
			r.Criteria = append(r.Criteria, c)
			all = append(all, c.Verdict)
		}
	}
	r.Verdict = results.Worst(all...)
	if isFailure && f.verdict == results.Error {
		r.Verdict = results.Worst(append(all, results.Error)...)
	}
	r.Reason = p.reason(r, err)
	p.render(&r)
	if p.trace.Full() {
		p.warn("the trace of the play is full: later messages are not in it")
	}
	r.Warnings = p.warnings
	return r
}

func (p *Play) reason(r results.Result, err error) string {
	if r.Verdict == results.Pass {
		return ""
	}
	for _, c := range r.Criteria {
		if c.Verdict == results.Fail {
			return fmt.Sprintf("%s: expected %s, got %s", c.ID, c.Expected, c.Actual)
		}
	}
	if err != nil {
		return err.Error()
	}
	for _, c := range r.Criteria {
		if c.Verdict == r.Verdict {
			return c.Reason
		}
	}
	return ""
}

// awaitAny waits for an exchange of the IUT without making it a step's.
func (p *Play) awaitAny(ctx context.Context, match func(*Exchange) bool) (*Exchange, error) {
	x, err := p.trace.Await(ctx, 0, func(x trace.Exchange) bool { return match(&Exchange{x, p, nil}) })
	if err != nil {
		return nil, err
	}
	return &Exchange{x, p, nil}, nil
}
