package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/bootstrap"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/client"
	"github.com/lwm2mspec/lwm2mspec/harness/peer/server"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/model"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// Play is one case being played against one IUT: the reference peers that are ours, the IUT under its
// control, and the trace of everything between them.
type Play struct {
	Case    Case
	Role    Role // of the IUT
	Version lwm2m.Version
	Key     results.Key
	Seed    uint64

	profile *profile.Profile
	iut     control.IUT
	trace   *trace.Trace
	started time.Time

	server    *server.Server    // ours, when a client is under test
	bootstrap *bootstrap.Server // ours, when a client is under test and the case bootstraps
	client    *client.Client    // ours, when a server or bootstrap server is under test

	endpoint string
	account  peer.Account // the client's account at the server of the play
	instance *uint16      // of object 1 that holds it, once found

	network  link.Network
	security Security
	strict   bool
	env      environment
	abort    context.CancelCauseFunc
	wg       sync.WaitGroup
	steps    []results.Step
	verdicts map[string]results.Criterion // by criterion id
	list     registration.List            // what the client announced
	model    *model.Set

	held     []lwm2m.Path  // what a Bootstrap-Discover before the writes showed
	changes  time.Time     // when the observed values began to change
	cadence  time.Duration // between Updates of the client's own
	left     []string      // the location our client left by its De-register
	mark     int           // number of the last request that our side began
	used     []int         // requests that a step has become
	stepEnd  time.Time     // when the last step was over
	warnings []string
}

// errSilence: the IUT did not do within the bound what the step waits for.
var errSilence = errors.New("it did not come")

// send makes our server (or bootstrap server) send the call and gives the exchange it became, also
// when it stayed without an answer.
func (p *Play) send(ctx context.Context, c peer.Call, s Step) (*Exchange, error) {
	var did exchange.Exchanged
	var err error
	if s.From == BootstrapServer {
		did, err = p.bootstrap.Send(ctx, p.endpoint, c)
	} else {
		did, err = p.server.Send(ctx, p.endpoint, c)
	}
	x, found := p.trace.Find(did.Request)
	if !found {
		if err == nil {
			err = errors.New("its request is not in the trace")
		}
		return nil, fmt.Errorf("our %s could not send %s: %w", s.From, c, err)
	}
	p.mark = x.Request.N
	p.used = append(p.used, x.Request.N)
	return &Exchange{x, p, nil}, nil
}

// act makes our client do something and gives the exchange it became.
func (p *Play) act(ctx context.Context, name string, match func(*Exchange) bool, do func(context.Context) error) (*Exchange, error) {
	before := p.trace.Len()
	err := do(ctx)
	for _, x := range p.trace.Exchanges() {
		if y := (&Exchange{x, p, nil}); x.Request.N > before && match(y) {
			p.mark = x.Request.N
			p.used = append(p.used, x.Request.N)
			return y, nil
		}
	}
	if err == nil {
		err = errors.New("its request is not in the trace")
	}
	return nil, inconclusive("not reached: our client could not do its %s: %v", name, err)
}

// operate asks the control to make the IUT's server send the call and awaits it on the wire.
func (p *Play) operate(ctx context.Context, c peer.Call, s Step) (*Exchange, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answered := make(chan error, 1)
	p.spawn(func() {
		_, err := p.iut.Do(ctx, control.Request{Verb: control.Operate(c.Kind), Endpoint: p.endpoint, Call: &c})
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("the control could not make the %s do %s: %w", p.Role, c, err)
			cancel(err)
		}
		answered <- err
	})
	x, err := p.await(ctx, s, c.String(), func(x *Exchange) bool { return isCall(x, c) })
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return nil, cause
	}
	if err == nil {
		select { // the API's own end keeps the IUT's operations in order; what it says is not judged
		case <-answered:
		case <-time.After(p.profile.Timeouts.Operate):
		}
	}
	return x, err
}

// await waits for a request of the IUT that no step has become yet, and for its answer.
func (p *Play) await(ctx context.Context, s Step, name string, match func(*Exchange) bool) (*Exchange, error) {
	bound := s.Within
	if bound == 0 {
		bound = p.profile.Timeouts.Reaction
	}
	ctx, cancel := context.WithDeadlineCause(ctx, p.stepEnd.Add(bound), fmt.Errorf("%s: %w within %v", name, errSilence, bound))
	defer cancel()
	mine := func(x trace.Exchange) bool {
		return x.Request.From == string(s.From) && !slices.Contains(p.used, x.Request.N) && match(&Exchange{x, p, nil})
	}
	x, err := p.trace.Await(ctx, p.mark, mine)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	p.used = append(p.used, x.Request.N)
	return p.settled(ctx, x), nil
}

// settled waits until an exchange has its answer, which our own peers give at once; without one the
// exchange is returned as it is.
func (p *Play) settled(ctx context.Context, x trace.Exchange) *Exchange {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.profile.Timeouts.Answer)
	defer cancel()
	done, err := p.trace.Await(ctx, x.Request.N-1, func(y trace.Exchange) bool {
		return y.Request.N == x.Request.N && (y.Response != nil || y.Reset != nil)
	})
	if err != nil {
		done = x
	}
	return &Exchange{done, p, nil}
}

// sleep lets time pass that the specification asks for.
func (p *Play) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// value turns what a case writes down into a value of the resource's type.
func (p *Play) value(path lwm2m.Path, want any) (lwm2m.Value, error) {
	typ, _, known := p.types()(path)
	if !known {
		return lwm2m.Value{}, fmt.Errorf("the object model has no %s", path)
	}
	if o, ok := want.(profileOr); ok {
		want = o.value
		if _, given := p.profile.Values[path]; given {
			want = FromProfile
		}
	}
	text := fmt.Sprint(want)
	if _, ok := want.(fromProfile); ok {
		v, ok := p.profile.Values[path]
		if !ok {
			return lwm2m.Value{}, fmt.Errorf("the profile gives no value for %s", path)
		}
		text = v
	}
	return model.ParseValue(typ, text)
}

// types is the object model of what the client announced.
func (p *Play) types() lwm2m.TypeOf {
	if p.model == nil {
		p.model = model.NewSet(p.Version, p.list.Objects)
	}
	return p.model.TypeOf
}

func (p *Play) warn(text string) {
	if !slices.Contains(p.warnings, text) {
		p.warnings = append(p.warnings, text)
	}
}

// accountInstance is the instance of object 1 that holds our server's account.
func (p *Play) accountInstance() (uint16, error) {
	if p.instance == nil {
		return 0, errors.New("the Server object instance of our account has not been found")
	}
	return *p.instance, nil
}

// location is what the last Register answered before message n was given.
func (p *Play) location(n int) []string {
	var out []string
	for _, x := range p.trace.Exchanges() {
		if x.Response != nil && x.Response.N < n && x.Response.View.Code == coap.Created && isRegister(&Exchange{x, p, nil}) {
			out = x.Response.View.Location()
		}
	}
	return out
}

// resource gives what the object model says of a path.
func (p *Play) resource(path lwm2m.Path) (model.Resource, bool) {
	p.types()
	return p.model.Resource(path)
}
