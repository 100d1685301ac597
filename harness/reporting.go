package harness

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// Period is a resource under observation with the times its notifications have to keep.
type Period struct {
	Target     Target
	Pmin, Pmax time.Duration
}

// Notifications lets the client notify what the periods name. Where the control can change values,
// every value is changed each second until each observation has three notifications after the first
// answer; else the client is watched until each has two, which pmax brings. The exchange is the first
// observation; the checks look at all.
func Notifications(of ...Period) Operation { return reporting(of) }

type reporting []Period

func (r reporting) verbs(Role) []control.Verb { return nil }

func (r reporting) play(ctx context.Context, p *Play, _ Step) (*Exchange, error) {
	changing := p.Role == Client && p.iut.Supports(control.SetValue)
	want, longest := 2, time.Duration(0)
	if changing {
		want = 3
	}
	for _, o := range r {
		longest = max(longest, o.Pmax)
	}
	first, err := p.observation(r[0].Target)
	if err != nil {
		return nil, err
	}
	bound := time.Duration(want+1)*longest + p.profile.Tolerances.Notify
	ctx, cancel := context.WithTimeoutCause(ctx, bound, errSilence)
	defer cancel()
	if changing || p.Role == Server {
		p.changes = time.Now()
		p.spawn(func() { p.keepChanging(ctx, r) })
	}
	for _, o := range r {
		x, err := p.observation(o.Target)
		if err != nil {
			return nil, err
		}
		_, err = p.trace.Await(ctx, x.Request.N-1, func(y trace.Exchange) bool {
			return y.Request.N == x.Request.N && len(y.Notifications) >= want
		})
		if err != nil && !errors.Is(err, errSilence) {
			return nil, err
		}
	}
	return first, nil
}

// keepChanging changes the observed values once a second until ctx is over.
func (p *Play) keepChanging(ctx context.Context, of []Period) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for n := int64(1); ; n++ {
		for _, o := range of {
			path, err := o.Target.find(p)
			if err != nil {
				return
			}
			if _, multiple, _ := p.types()(path); multiple {
				path = path.Child(0)
			}
			v := lwm2m.IntegerValue(1000 + n)
			if p.Role == Server {
				p.client.SetValue(path, v)
				continue
			}
			_, err = p.iut.Do(ctx, control.Request{Verb: control.SetValue, Path: path, Value: v})
			if err != nil && ctx.Err() == nil {
				p.abort(failure{"error", fmt.Errorf("the control could not set %s: %w", path, err)})
				return
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// observation is the latest Observe of the target that was answered.
func (p *Play) observation(t Target) (*Exchange, error) {
	path, err := t.find(p)
	if err != nil {
		return nil, err
	}
	var out *Exchange
	for _, x := range p.trace.Exchanges() {
		y := &Exchange{x, p, nil}
		n, ok := x.Request.View.Observe()
		if at, isPath := y.Path(); ok && n == 0 && isPath && at == path && x.Response != nil {
			out = y
		}
	}
	if out == nil {
		return nil, inconclusive("not reached: %s is not observed", path)
	}
	return out, nil
}

// NotifyWithin expects the notifications of a period: not closer than pmin, not later than pmax, the
// profile's notify_tolerance around both; with changing values at least three, the first no later than
// pmin after the change; without, at least two (ruling int-301). Times are those of first receptions
// (ruling R-5).
func NotifyWithin(o Period) types.GomegaMatcher {
	text := fmt.Sprintf("notifications of %s at least %v and at most %v apart (and the tolerance of the profile)", o.Target, o.Pmin, o.Pmax)
	return Satisfy(text, func(x *Exchange) Judgement {
		p := x.play
		obs, err := p.observation(o.Target)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		tolerance := p.profile.Tolerances.Notify
		changing := !p.changes.IsZero()
		want := 2
		if changing {
			want = 3
		}
		last := *obs.Response
		for i, n := range obs.Notifications {
			gap := n.At.Sub(last.At)
			actual := fmt.Sprintf("notification %d %v after the one before", i+1, gap.Round(time.Millisecond))
			_, observe := n.View.Observe()
			switch {
			case n.View.Code.Class() != 2:
				return Judgement{Actual: "a notification with " + n.View.Code.String(), Message: n.N}
			case !observe:
				return Judgement{Actual: "a notification without Observe option", Message: n.N}
			case gap < o.Pmin-tolerance, gap > o.Pmax+tolerance:
				return Judgement{Actual: actual, Message: n.N}
			case i == 0 && changing && n.At.Sub(p.changes) > o.Pmin+tolerance && gap > o.Pmin+tolerance:
				return Judgement{Actual: fmt.Sprintf("the first notification %v after the value changed", n.At.Sub(p.changes).Round(time.Millisecond)), Message: n.N}
			}
			last = n
		}
		return Judgement{OK: len(obs.Notifications) >= want, Actual: fmt.Sprintf("%d notifications, %d are due", len(obs.Notifications), want), Message: last.N}
	})
}

// NotificationsAccepted expects the server not to reject what it observes: an acknowledgement to each
// Confirmable notification, no Reset to any.
func NotificationsAccepted(of ...Period) types.GomegaMatcher {
	return Satisfy("every notification accepted, none answered by a Reset", func(x *Exchange) Judgement {
		n := 0
		for _, o := range of {
			obs, err := x.play.observation(o.Target)
			if err != nil {
				return Judgement{Actual: err.Error()}
			}
			if len(obs.Rejected) > 0 {
				return Judgement{Actual: "a Reset", Message: obs.Rejected[0].N}
			}
			n += len(obs.Notifications)
		}
		return Judgement{OK: n > 0, Actual: strconv.Itoa(n) + " notifications, none rejected"}
	})
}

// ListAttributes expects the answer to a Discover to carry these attributes at the target.
func ListAttributes(t Target, want map[string]string) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("the attributes %v at %s", want, t), func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		path, err := t.find(x.play)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		d, _ := registration.ParseDiscover(x.Response.View.Payload, "")
		l, ok := d.Link(path)
		if !ok {
			return Judgement{Actual: fmt.Sprintf("no link of %s", path), Message: x.Response.N}
		}
		for name, value := range want {
			a, has := l.Get(name)
			if !has || a.Value != value {
				return Judgement{Actual: fmt.Sprintf("%q", truncate(string(x.Response.View.Payload), 200)), Message: x.Response.N}
			}
		}
		return Judgement{OK: true, Actual: fmt.Sprint(l.Attributes), Message: x.Response.N}
	})
}

// WithoutSetValue is true where the control cannot change values on the device.
func WithoutSetValue(p *Play) bool { return !p.iut.Supports(control.SetValue) }
