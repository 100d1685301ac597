package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
)

// sentParameters are what the server was told last; an Update carries what differs from them (Core
// 6.2.2).
type sentParameters struct {
	lifetime int64
	binding  string
	list     string
}

// Register registers at the server (Core 6.2.1).
func (c *Client) Register(ctx context.Context, ssid uint16) (exchange.Exchanged, error) {
	s, e, err := c.connect(ctx, ssid)
	if err != nil {
		return exchange.Exchanged{}, err
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	c.mu.Lock()
	c.stopObservers(s) // a new registration has no observations (Core 6.4.1)
	s.attributes = map[lwm2m.Path]map[string]string{}
	links := c.links(c.cfg.Behaviour)
	now := sentParameters{s.account.Lifetime, s.account.Binding, string(linkformat.Encode(c.objectLinks()))}
	c.mu.Unlock()
	version := c.cfg.Version.String()
	p := registration.Parameters{Endpoint: &c.cfg.Endpoint, Lifetime: &now.lifetime, LwM2M: &version, Binding: &now.binding}
	query := p.Query()
	if edit := c.cfg.Behaviour.EditRegister; edit != nil {
		query, links = edit(query, links)
	}
	m := coap.Message{Code: coap.POST, Payload: linkformat.Encode(links)}
	m.AddStrings(coap.URIPath, "rd")
	m.AddUint(coap.ContentFormat, uint64(lwm2m.FormatLink))
	m.AddStrings(coap.URIQuery, query...)
	did, err := e.Do(ctx, m)
	if err != nil {
		return did, err
	}
	if did.Response.Code != coap.Created {
		return did, fmt.Errorf("the server refused the registration with %s", did.Response.Code)
	}
	c.mu.Lock()
	s.location, s.sent, s.refreshed = did.Response.Location(), now, time.Now()
	c.mu.Unlock()
	c.event("registered at %s", s.account.URI)
	return did, nil
}

// Update refreshes the registration with what changed since the last registration message, or with
// nothing.
func (c *Client) Update(ctx context.Context, ssid uint16) (exchange.Exchanged, error) {
	return c.update(ctx, ssid, false)
}

func (c *Client) update(ctx context.Context, ssid uint16, triggered bool) (exchange.Exchanged, error) {
	s, e, err := c.connect(ctx, ssid)
	if err != nil {
		return exchange.Exchanged{}, err
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	c.mu.Lock()
	now := sentParameters{s.account.Lifetime, s.account.Binding, string(linkformat.Encode(c.objectLinks()))}
	location, last := s.location, s.sent
	links := c.links(c.cfg.Behaviour)
	c.mu.Unlock()
	if len(location) == 0 {
		return exchange.Exchanged{}, fmt.Errorf("the client has no location to update")
	}
	var p registration.Parameters
	if now.lifetime != last.lifetime {
		p.Lifetime = &now.lifetime
	}
	if now.binding != last.binding {
		p.Binding = &now.binding
	}
	query := p.Query()
	if edit := c.cfg.Behaviour.EditUpdate; edit != nil {
		query = edit(query, triggered)
	}
	m := coap.Message{Code: coap.POST}
	m.AddStrings(coap.URIPath, location...)
	m.AddStrings(coap.URIQuery, query...)
	if now.list != last.list {
		m.AddUint(coap.ContentFormat, uint64(lwm2m.FormatLink))
		m.Payload = linkformat.Encode(links)
	}
	did, err := e.Do(ctx, m)
	if err == nil && did.Response.Code == coap.Changed {
		c.mu.Lock()
		s.sent, s.refreshed = now, time.Now()
		c.mu.Unlock()
		c.event("updated at %s", s.account.URI)
	}
	return did, err
}

// Deregister leaves the server.
func (c *Client) Deregister(ctx context.Context, ssid uint16) (exchange.Exchanged, error) {
	s, e, err := c.connect(ctx, ssid)
	if err != nil {
		return exchange.Exchanged{}, err
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	c.mu.Lock()
	location := s.location
	s.location = nil
	c.stopObservers(s)
	c.mu.Unlock()
	if len(location) == 0 {
		return exchange.Exchanged{}, fmt.Errorf("the client is not registered")
	}
	m := coap.Message{Code: coap.DELETE}
	m.AddStrings(coap.URIPath, location...)
	did, err := e.Do(ctx, m)
	if err == nil {
		c.event("deregistered from %s", s.account.URI)
	}
	return did, err
}

// Location is where the client believes to be registered; nil: nowhere.
func (c *Client) Location(ssid uint16) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.servers[ssid]; s != nil {
		return slices.Clone(s.location)
	}
	return nil
}

// SetLocation makes the client believe to be registered there.
func (c *Client) SetLocation(ssid uint16, location []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.servers[ssid]; s != nil {
		s.location = location
	}
}

// objectLinks is the object list without adornment; the caller holds the lock.
func (c *Client) objectLinks() []linkformat.Link {
	var out []linkformat.Link
	var objects []uint16
	for o := range c.store.objects {
		if o != 0 && o != 21 && o != 23 {
			objects = append(objects, o)
		}
	}
	slices.Sort(objects)
	for _, o := range objects {
		instances := c.store.instancesOf(o)
		if len(instances) == 0 {
			out = append(out, linkformat.Link{Target: lwm2m.NewPath(o).String()})
		}
		for _, p := range instances {
			out = append(out, linkformat.Link{Target: p.String()})
		}
	}
	return out
}

// links is the object list as it is sent.
func (c *Client) links(b peer.Behaviour) []linkformat.Link {
	out := c.objectLinks()
	if b.ReverseLinks {
		slices.Reverse(out)
	}
	switch b.RootLink {
	case "ct":
		out = append([]linkformat.Link{{Target: "/", Attributes: []linkformat.Attribute{linkformat.QuotedAttr("ct", "11542 110 112")}}}, out...)
	case "rt":
		out = append([]linkformat.Link{{Target: "/", Attributes: []linkformat.Attribute{linkformat.QuotedAttr("rt", "oma.lwm2m"), linkformat.Attr("ct", "11542")}}}, out...)
	}
	if b.ExtraObjects && c.cfg.Version >= lwm2m.V1_1 {
		for i := range out {
			if out[i].Target == "/33000/3" {
				out[i].Attributes = append(out[i].Attributes, linkformat.Attr("ver", "2.0"))
			}
		}
	}
	if b.QuoteLinks {
		for i := range out {
			for j := range out[i].Attributes {
				out[i].Attributes[j].Quoted = true
			}
		}
	}
	return out
}

// serve runs the registration of every server account.
func (c *Client) serve(accounts []peer.Account) {
	for _, a := range accounts {
		if a.Bootstrap {
			continue
		}
		c.mu.Lock()
		s, err := c.server(a.ShortServerID)
		c.mu.Unlock()
		if err != nil {
			continue
		}
		c.wg.Go(func() { c.run(s, a.ShortServerID) })
	}
}

// retryTimer and retryCount are the defaults of /1/x/18 and /1/x/17 (Core E.2).
const (
	retryTimer = 60 * time.Second
	retryCount = 5
)

// run keeps one server informed: registers, refreshes before the lifetime is over, reacts.
func (c *Client) run(s *serverState, ssid uint16) {
	if !c.register(ssid) {
		return
	}
	for {
		c.mu.Lock()
		due := c.refreshDue(s)
		c.mu.Unlock()
		var timer <-chan time.Time
		if due > 0 && !c.cfg.Behaviour.NoRefresh {
			t := time.NewTimer(due)
			timer = t.C
			defer t.Stop()
		}
		alive := true
		select {
		case <-c.ctx.Done():
			return
		case <-timer:
			alive = c.refresh(ssid, false)
		case w := <-s.wake:
			alive = c.react(s, ssid, w)
		}
		if !alive {
			return
		}
	}
}

// refreshDue is how long it is until the next Update is due; 0: never.
func (c *Client) refreshDue(s *serverState) time.Duration {
	fraction := c.cfg.Behaviour.RefreshAt
	if fraction == 0 {
		fraction = 0.75
	}
	if s.sent.lifetime == 0 {
		return 0
	}
	due := time.Duration(float64(s.sent.lifetime) * fraction * float64(time.Second))
	return max(time.Millisecond, due-time.Since(s.refreshed))
}

func (c *Client) react(s *serverState, ssid uint16, w wakeUp) bool {
	b := c.cfg.Behaviour
	switch w {
	case wakeUpdate:
		if b.NoUpdateOnLifetime {
			c.mu.Lock()
			s.sent.lifetime = s.account.Lifetime
			s.refreshed = time.Now()
			c.mu.Unlock()
			return true
		}
		return c.hesitate() && c.refresh(ssid, false)
	case wakeTrigger:
		if b.NoUpdateOnTrigger {
			return true
		}
		return c.hesitate() && c.refresh(ssid, true)
	case wakeDisable:
		return c.disable(s, ssid)
	case wakeRegister:
		return c.register(ssid)
	}
	return true
}

// hesitate is how long a benign device takes before it does what is due.
func (c *Client) hesitate() bool { return c.wait(c.cfg.Behaviour.Hesitate) }

func (c *Client) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// register tries until it succeeds or its attempts are used up.
func (c *Client) register(ssid uint16) bool {
	wait := retryTimer
	for range retryCount {
		_, err := c.Register(c.ctx, ssid)
		if err == nil {
			return true
		}
		c.event("registration failed: %v", err)
		c.drop(ssid)
		if !c.wait(wait) {
			return false
		}
		wait *= 2
	}
	return false
}

// drop closes the connection to a server, so that the next message opens a new one.
func (c *Client) drop(ssid uint16) {
	c.mu.Lock()
	s := c.servers[ssid]
	var e *exchange.Endpoint
	if s != nil {
		e, s.endpoint = s.endpoint, nil
	}
	c.mu.Unlock()
	if e != nil {
		_ = e.Close()
	}
}

// refresh sends an Update; when the server does not know the client any more, or does not answer, the
// client registers anew (Core 6.2.2).
func (c *Client) refresh(ssid uint16, triggered bool) bool {
	did, err := c.update(c.ctx, ssid, triggered)
	if err == nil && did.Response.Code == coap.Changed {
		return true
	}
	if c.ctx.Err() != nil || c.cfg.Behaviour.NoReregister {
		return c.ctx.Err() == nil && c.wait(c.giveUp(ssid))
	}
	c.event("update failed: %s", strings.TrimSpace(did.Response.Code.String()))
	return c.register(ssid)
}

// giveUp marks the registration as refreshed, for a client that ignores that it is lost.
func (c *Client) giveUp(ssid uint16) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.servers[ssid]; s != nil {
		s.refreshed = time.Now()
	}
	return 0
}

// disable leaves the server, keeps silent for its Disable Timeout and registers again (Core E.2).
func (c *Client) disable(s *serverState, ssid uint16) bool {
	timeout := 86400 * time.Second
	c.mu.Lock()
	if t := s.account.DisableTimeout; t != nil {
		timeout = time.Duration(*t) * time.Second
	}
	c.mu.Unlock()
	if !c.hesitate() || !c.wait(c.answering()) {
		return false
	}
	if !c.cfg.Behaviour.NoDeregister {
		_, _ = c.Deregister(c.ctx, ssid)
	}
	if c.cfg.Behaviour.NotDisabled {
		return c.wait(time.Second) && c.register(ssid)
	}
	c.mu.Lock()
	s.disabled = true
	c.mu.Unlock()
	c.drop(ssid)
	if !c.wait(timeout) {
		return false
	}
	c.mu.Lock()
	s.disabled = false
	c.mu.Unlock()
	return c.register(ssid)
}

// TriggerUpdate makes an autonomous client send an Update now.
func (c *Client) TriggerUpdate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		wake(s, wakeTrigger)
	}
}

func wake(s *serverState, w wakeUp) {
	select {
	case s.wake <- w:
	default: // it has enough to do
	}
}

// answering is how long the answer to a request may be under way before the client acts on it.
func (c *Client) answering() time.Duration {
	return 2*c.cfg.Behaviour.Exchange.Separate + 50*time.Millisecond
}
