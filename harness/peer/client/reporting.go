package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// observer is one observation of a server (Core 6.4.1).
type observer struct {
	server   *serverState
	path     lwm2m.Path
	request  *exchange.Request
	sequence uint32
	notified time.Time // of the last notification
	pending  bool      // a change waits for pmin
	last     lwm2m.Value
	lastID   uint16
	cancel   context.CancelFunc
	kick     chan struct{} // something changed: look again
}

func (o *observer) stop() { o.cancel() }

// observe starts or cancels an observation; the answer is the first notification (Core 6.4.1).
func (c *Client) observe(s *serverState, r *exchange.Request, p lwm2m.Path) {
	n, _ := r.Observe()
	c.observers = slices.DeleteFunc(c.observers, func(o *observer) bool {
		same := o.server == s && string(o.request.Token) == string(r.Token)
		if same {
			o.stop()
		}
		return same
	})
	m := c.read(r, p)
	if n != 0 || m.Code != coap.Content {
		c.respond(r, "observe", p, m)
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	o := &observer{server: s, path: p, request: r, sequence: 2, notified: time.Now().Add(c.cfg.Behaviour.Exchange.Separate), cancel: cancel, kick: make(chan struct{}, 1)}
	o.last, _ = c.number(p)
	c.observers = append(c.observers, o)
	if !c.cfg.Behaviour.NoObserveOption {
		m.AddUint(coap.Observe, 1)
	}
	c.respond(r, "observe", p, m)
	c.wg.Go(func() { c.report(ctx, o) })
}

// report notifies one observer: at pmax at the latest, changes not before pmin (Core 5.1.2, 7.3.2).
func (c *Client) report(ctx context.Context, o *observer) {
	for {
		c.mu.Lock()
		wait, due := c.due(o)
		c.mu.Unlock()
		if due {
			if !c.notify(ctx, o) {
				return
			}
			continue
		}
		var timer <-chan time.Time
		if wait > 0 {
			t := time.NewTimer(wait)
			defer t.Stop()
			timer = t.C
		}
		select {
		case <-ctx.Done():
			return
		case <-o.kick:
		case <-timer:
		}
	}
}

// due says whether a notification is due now, else how long until it may be; 0: nothing to wait for.
func (c *Client) due(o *observer) (time.Duration, bool) {
	b := c.cfg.Behaviour
	pmin, pmax := c.period(o, "pmin", o.server.account.DefaultPmin), c.period(o, "pmax", o.server.account.DefaultPmax)
	if pmax > 0 && pmax < pmin {
		pmax = 0 // ignored (Core 7.3.2)
	}
	since := time.Since(o.notified)
	if b.IgnorePmin {
		pmin = 0
	}
	if b.IgnorePmax {
		pmax = 0
	}
	if b.NoNotifications {
		return 0, false
	}
	if o.pending && since >= pmin || pmax > 0 && since >= pmax {
		return 0, true
	}
	next := time.Duration(0)
	if o.pending {
		next = pmin - since
	}
	if pmax > 0 && (next == 0 || pmax-since < next) {
		next = pmax - since
	}
	return next, false
}

func (c *Client) period(o *observer, name string, def *int64) time.Duration {
	if v, ok := o.server.attributes.Value(o.path, name); ok {
		return time.Duration(v * float64(time.Second))
	}
	if def != nil {
		return time.Duration(*def) * time.Second
	}
	return 0
}

// notify sends one notification; false ends the observation.
func (c *Client) notify(ctx context.Context, o *observer) bool {
	c.mu.Lock()
	o.pending = false
	o.notified = time.Now()
	o.sequence++
	if v, ok := c.number(o.path); ok {
		o.last = v
	}
	m := c.read(o.request, o.path)
	e := o.request.Endpoint()
	c.mu.Unlock()
	m.Token = o.request.Token
	m.Type = coap.NonConfirmable
	if c.cfg.Behaviour.NotifyCON {
		m.Type = coap.Confirmable
	}
	if m.Code.Class() == 2 && !c.cfg.Behaviour.NoObserveOption {
		m.AddUint(coap.Observe, uint64(o.sequence&0xffffff))
	}
	sent, err := e.Notify(ctx, m)
	c.mu.Lock()
	o.lastID = sent.MessageID
	c.mu.Unlock()
	if errors.Is(err, exchange.ErrReset) || errors.Is(err, exchange.ErrClosed) || errors.Is(err, exchange.ErrTimeout) || m.Code.Class() != 2 {
		c.forget(o)
		return false
	}
	return true
}

func (c *Client) forget(o *observer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.stop()
	c.observers = slices.DeleteFunc(c.observers, func(x *observer) bool { return x == o })
}

// rejected ends the observation whose Non-confirmable notification a Reset answered (RFC 7641 3.6).
func (c *Client) rejected(s *serverState, id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observers = slices.DeleteFunc(c.observers, func(o *observer) bool {
		hit := o.server == s && o.lastID == id
		if hit {
			o.stop()
		}
		return hit
	})
}

// stopObservers ends what a server observes; the caller holds the lock.
func (c *Client) stopObservers(s *serverState) {
	c.observers = slices.DeleteFunc(c.observers, func(o *observer) bool {
		if o.server == s {
			o.stop()
		}
		return o.server == s
	})
}

func (c *Client) changed(p lwm2m.Path) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notifyChanged(p)
}

// notifyChanged marks the observers a change concerns; the caller holds the lock.
func (c *Client) notifyChanged(p lwm2m.Path) {
	for _, o := range c.observers {
		if (o.path.Contains(p) || p.Contains(o.path)) && c.qualifies(o) {
			o.pending = true
			kick(o)
		}
	}
}

// reschedule makes a server's observers look at changed attributes.
func (c *Client) reschedule(s *serverState) {
	for _, o := range c.observers {
		if o.server == s {
			kick(o)
		}
	}
}

func kick(o *observer) {
	select {
	case o.kick <- struct{}{}:
	default:
	}
}

// number is the observed value, when it is a single number.
func (c *Client) number(p lwm2m.Path) (lwm2m.Value, bool) {
	v, ok := c.store.values[p]
	return v, ok && c.numeric(p)
}

func asFloat(v lwm2m.Value) float64 {
	switch v.Type() {
	case lwm2m.Float:
		return v.Float()
	case lwm2m.Unsigned:
		return float64(v.Uint())
	}
	return float64(v.Int())
}

// qualifies applies gt, lt and st, when any is set: a crossing in either direction, or a step (Core
// 7.3.2).
func (c *Client) qualifies(o *observer) bool {
	v, numeric := c.number(o.path)
	set := o.server.attributes
	gt, hasGT := set.Value(o.path, "gt")
	lt, hasLT := set.Value(o.path, "lt")
	st, hasST := set.Value(o.path, "st")
	if !numeric || !hasGT && !hasLT && !hasST {
		return true
	}
	was, is := asFloat(o.last), asFloat(v)
	crossed := func(at float64) bool { return (was <= at) != (is <= at) }
	return hasGT && crossed(gt) || hasLT && crossed(lt) || hasST && (is-was >= st || was-is >= st)
}
