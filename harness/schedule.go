package harness

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/harness/virtual"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/proxy/pcapng"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// Schedule is how plays are run.
type Schedule struct {
	Seed     uint64
	RealTime bool // embedded IUTs over loopback sockets instead of in virtual time
	Strict   bool
	// Reproduce gives the command line that plays a key again.
	Reproduce func(Planned) string
	// Started and Finished are told of every play; Finished gets the capture too. They may be called
	// from several goroutines.
	Started  func(results.Key)
	Finished func(results.Result, []byte)
}

// NewIUT makes the control of a profile for one play; an embedded one is reached over the network.
func NewIUT(p *profile.Profile, n link.Network) control.IUT {
	switch {
	case p.Control.Exec != nil:
		return control.NewProcess(p)
	case p.Control.Hooks != nil:
		return control.NewHooked(p)
	}
	var b peer.Behaviour
	if d, ok := peer.Find(p.Control.Embedded.Misbehave); ok {
		b = d.Behaviour()
	}
	return control.NewEmbedded(p, n, b)
}

// RunAll runs the plays side by side, as many at once as each profile allows, and returns when all have
// ended. When ctx is over, plays under way end and those not begun are left out.
func RunAll(ctx context.Context, plays []Planned, s Schedule) {
	slots := map[*profile.Profile]chan struct{}{}
	for _, p := range plays {
		if slots[p.Profile] == nil {
			slots[p.Profile] = make(chan struct{}, max(1, p.Profile.Concurrency))
		}
	}
	var wg sync.WaitGroup
	for _, p := range plays {
		slot := slots[p.Profile]
		wg.Go(func() {
			select {
			case slot <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-slot }()
			if ctx.Err() != nil {
				return
			}
			s.Started(p.Key)
			s.Finished(s.play(ctx, p))
		})
	}
	wg.Wait()
}

// play runs one play in the time it belongs to.
func (s Schedule) play(ctx context.Context, p Planned) (results.Result, []byte) {
	o := Options{Seed: s.Seed, Strict: s.Strict, Reproduce: s.Reproduce(p)}
	began := time.Now()
	var r results.Result
	var entries []trace.Entry
	switch {
	case p.NotApplicable != "":
		r = notApplicable(p, o)
	case p.Profile.Control.Embedded != nil && !s.RealTime:
		o.Virtual = true
		if err := virtual.Run(func() {
			o.Network = &link.Memory{}
			o.IUT = NewIUT(p.Profile, o.Network)
			r, entries = Run(withoutDeadline(ctx), p.Case, p.Key, p.Profile, o)
		}); err != nil {
			r = results.Result{Key: p.Key, Title: p.Case.Title, Section: p.Case.Section, Group: p.Case.Group, Verdict: results.Error, Reason: err.Error(), Seed: o.Seed, Reproduce: o.Reproduce}
		}
	default:
		o.Network = link.UDP{}
		o.IUT = NewIUT(p.Profile, o.Network)
		r, entries = Run(ctx, p.Case, p.Key, p.Profile, o)
	}
	r.Started, r.Elapsed = began, results.Duration(time.Since(began))
	if len(entries) == 0 {
		return r, nil
	}
	var capture bytes.Buffer
	if err := pcapng.Write(&capture, entries); err != nil {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the capture could not be made: %v", err))
		return r, nil
	}
	return r, capture.Bytes()
}

// withoutDeadline keeps a play in virtual time from waiting on what was made outside of its bubble; it
// takes no real time that would be worth interrupting.
func withoutDeadline(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// notApplicable is the result of a case that the profile rules out.
func notApplicable(p Planned, o Options) results.Result {
	r := results.Result{
		Key: p.Key, Title: p.Case.Title, Section: p.Case.Section, Group: p.Case.Group,
		Verdict: results.NotApplicable, Reason: p.NotApplicable, Seed: o.Seed, Reproduce: o.Reproduce,
	}
	for _, k := range p.Case.CriteriaFor(Role(p.Key.Role)) {
		level := k.Level
		if level == "" {
			level = Must
		}
		r.Criteria = append(r.Criteria, results.Criterion{
			ID: k.ID, Text: k.Text, Role: string(k.Role), Origin: k.Origin(), Level: string(level), Requirements: k.Requirements,
			Rulings: k.Rulings, Verdict: results.NotApplicable, Reason: p.NotApplicable,
		})
	}
	return r
}
