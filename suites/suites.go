// Package suites shows the plays of a run to Ginkgo: one spec per play, labelled with its case,
// interface, role, version and requirements. A spec only awaits the engine's result and reports it;
// without Ginkgo a run would give the same results. No test logic lives here, and no scheduling.
package suites

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/gomega"

	"github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// suiteTimeout is Ginkgo's bound for all specs together; each play has a bound of its own.
const suiteTimeout = 7 * 24 * time.Hour

// Run plays everything and returns when all specs have their results. It can be called once in the life
// of a program, since Ginkgo's registration is global.
func Run(ctx context.Context, plays []harness.Planned, s harness.Schedule) {
	w := newWaiter(plays)
	finished := s.Finished
	s.Finished = func(r results.Result, capture []byte) {
		finished(r, capture)
		w.deliver(r)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		harness.RunAll(ctx, plays, s)
	}()
	register(plays, w, ended)
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.Timeout = suiteTimeout
	reporter.NoColor, reporter.Succinct = true, true
	formatter.ColorableStdOut = io.Discard // progress and reports are our own
	ginkgo.RunSpecs(&outcome{}, "lwm2mspec", suite, reporter)
	<-ended
}

// outcome is all Ginkgo asks of a testing.T.
type outcome struct{ failed bool }

// Fail is Ginkgo's.
func (o *outcome) Fail() { o.failed = true }

func register(plays []harness.Planned, w *waiter, ended <-chan struct{}) {
	ginkgo.Describe("OMA LwM2M", func() {
		for _, p := range plays {
			ginkgo.It(p.Case.ID+" "+p.Case.Title, labels(p), func(ctx ginkgo.SpecContext) {
				select {
				case r := <-w.of(p.Key):
					report(r)
				case <-ctx.Done():
					ginkgo.Skip("interrupted")
				case <-ended:
					select {
					case r := <-w.of(p.Key):
						report(r)
					default:
						ginkgo.Skip("not run")
					}
				}
			})
		}
	})
}

func labels(p harness.Planned) ginkgo.Labels {
	l := ginkgo.Labels{p.Case.ID, "group:" + p.Case.Group, "role:" + p.Key.Role, "lwm2m:" + p.Key.LwM2M, "security:" + p.Key.Security}
	for _, k := range p.Case.CriteriaFor(harness.Role(p.Key.Role)) {
		l = append(l, k.Requirements...)
	}
	return l
}

func report(r results.Result) {
	switch r.Verdict {
	case results.Pass:
	case results.NotApplicable, results.Inconclusive:
		ginkgo.Skip(string(r.Verdict) + ": " + r.Reason)
	default:
		ginkgo.Fail(string(r.Verdict) + ": " + r.Reason)
	}
}

// waiter hands each result to its spec.
type waiter struct {
	mu sync.Mutex
	ch map[results.Key]chan results.Result
}

func newWaiter(plays []harness.Planned) *waiter {
	w := &waiter{ch: map[results.Key]chan results.Result{}}
	for _, p := range plays {
		w.ch[p.Key] = make(chan results.Result, 1)
	}
	return w
}

func (w *waiter) of(k results.Key) chan results.Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ch[k]
}

func (w *waiter) deliver(r results.Result) {
	if ch := w.of(r.Key); ch != nil {
		ch <- r
	}
}
