package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/codec"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
)

// bootstrapTimeout is EXCHANGE_LIFETIME: without Finish until then the bootstrap has failed (Core 6.1.6).
const bootstrapTimeout = 247 * time.Second

// Bootstrap asks the bootstrap server for bootstrap and serves it until Finish.
func (c *Client) Bootstrap(ctx context.Context) error {
	if _, err := c.BootstrapRequest(ctx); err != nil {
		return err
	}
	return c.AwaitFinish(ctx)
}

// BootstrapRequest opens a session with the bootstrap server and asks for bootstrap (Core 6.1.7.1).
func (c *Client) BootstrapRequest(ctx context.Context) (exchange.Exchanged, error) {
	c.mu.Lock()
	found := false
	for _, a := range c.store.accounts() {
		if a.Bootstrap {
			c.bootAccount, found = a, true
		}
	}
	c.mu.Unlock()
	if !found {
		return exchange.Exchanged{}, errors.New("the client has no bootstrap-server account")
	}
	conn, err := c.cfg.Dial(ctx, c.bootAccount)
	if err != nil {
		return exchange.Exchanged{}, err
	}
	e := c.newEndpoint(conn, c.bootstrapped, nil)
	c.mu.Lock()
	c.boot, c.bootstrapping, c.bootFinished = e, true, make(chan struct{})
	c.mu.Unlock()
	m := coap.Message{Code: coap.POST}
	m.AddStrings(coap.URIPath, "bs")
	query := []string{"ep=" + c.cfg.Endpoint}
	if fs := c.cfg.Behaviour.Formats; c.cfg.Version >= lwm2m.V1_1 && len(fs) > 0 && fs[0] != lwm2m.FormatText {
		query = append(query, fmt.Sprintf("pct=%d", fs[0]))
	}
	if edit := c.cfg.Behaviour.EditRegister; edit != nil {
		query, _ = edit(query, nil)
	}
	m.AddStrings(coap.URIQuery, query...)
	did, err := e.Do(ctx, m)
	if err == nil && did.Response.Code != coap.Changed {
		err = fmt.Errorf("the bootstrap server refused with %s", did.Response.Code)
	}
	return did, err
}

// AwaitFinish waits for Bootstrap-Finish and ends the session.
func (c *Client) AwaitFinish(ctx context.Context) error {
	c.mu.Lock()
	finished, e := c.bootFinished, c.boot
	c.mu.Unlock()
	t := time.NewTimer(bootstrapTimeout)
	defer t.Stop()
	defer func() {
		c.mu.Lock()
		c.boot, c.bootstrapping = nil, false
		c.mu.Unlock()
		_ = e.Close()
	}()
	select {
	case <-finished:
		c.event("bootstrapped by %s", c.bootAccount.URI)
		// What answers the Finish is under way; a bootstrap server may still repeat it.
		c.wait(time.Second + c.answering())
		return nil
	case <-t.C:
		return fmt.Errorf("no Bootstrap-Finish came within %v", bootstrapTimeout)
	case <-e.Done():
		return e.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// bootstrapped serves the bootstrap server.
func (c *Client) bootstrapped(r *exchange.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	segments := r.Path()
	if len(segments) == 1 && segments[0] == "bs" {
		c.finish(r)
		return
	}
	p, err := parsePath(segments)
	if err != nil {
		c.respond(r, "bootstrap", p, coap.Message{Code: coap.BadRequest})
		return
	}
	switch r.Code {
	case coap.PUT:
		c.respond(r, "bootstrap-write", p, c.bootstrapWrite(r, p))
	case coap.DELETE:
		c.respond(r, "bootstrap-delete", p, c.bootstrapDelete(p))
	case coap.GET:
		if a, ok := r.Accept(); ok && a == uint16(lwm2m.FormatLink) || p.Len() == 0 {
			c.respond(r, "bootstrap-discover", p, c.bootstrapDiscover(p))
			return
		}
		c.respond(r, "bootstrap-read", p, c.bootstrapRead(r, p))
	default:
		c.respond(r, "bootstrap", p, coap.Message{Code: coap.MethodNotAllowed})
	}
}

func (c *Client) finish(r *exchange.Request) {
	m := coap.Message{Code: coap.Changed}
	switch {
	case r.Code != coap.POST:
		m.Code = coap.MethodNotAllowed
	case !c.store.consistent() && !c.cfg.Behaviour.IgnoreConsistency:
		m.Code = coap.NotAcceptable
	}
	c.respond(r, "bootstrap-finish", lwm2m.Path{}, m)
	if m.Code == coap.Changed && c.bootFinished != nil {
		select {
		case <-c.bootFinished:
		default:
			close(c.bootFinished)
		}
	}
}

func (c *Client) bootstrapWrite(r *exchange.Request, p lwm2m.Path) coap.Message {
	cf, ok := r.ContentFormat()
	if !ok || p.Len() == 0 {
		return coap.Message{Code: coap.BadRequest}
	}
	tree, fs, err := codec.Decode(lwm2m.ContentFormat(cf), r.Payload, lwm2m.DecodeContext{Base: p, Types: c.store.model.TypeOf, Version: c.cfg.Version, Method: "PUT"})
	if err != nil || !c.speaks(lwm2m.ContentFormat(cf)) {
		return coap.Message{Code: coap.UnsupportedContentFormat}
	}
	if lwm2m.BreaksMUST(fs) {
		return coap.Message{Code: coap.BadRequest, Payload: []byte(fs[0].Text)}
	}
	for _, child := range tree.Children(p.Truncate(lwm2m.LevelObject)) {
		if p.Level() <= lwm2m.LevelInstance {
			c.store.remove(child) // the instance is replaced as a whole
		}
	}
	c.store.put(tree)
	return coap.Message{Code: coap.Changed}
}

// bootstrapDelete spares the bootstrap-server account and /3/0 (Core 6.1.7.6).
func (c *Client) bootstrapDelete(p lwm2m.Path) coap.Message {
	if p.Level() > lwm2m.LevelInstance {
		return coap.Message{Code: coap.BadRequest}
	}
	for instance := range c.store.instances {
		spared := instance.Object() == 3 || instance == lwm2m.NewPath(0, c.bootAccount.SecurityID)
		if p.Contains(instance) && !spared {
			c.store.remove(instance)
		}
	}
	return coap.Message{Code: coap.Deleted}
}

func (c *Client) bootstrapRead(r *exchange.Request, p lwm2m.Path) coap.Message {
	switch {
	case c.cfg.Version < lwm2m.V1_1:
		return coap.Message{Code: coap.MethodNotAllowed}
	case p.Object() != 1 && p.Object() != 2 || p.Level() > lwm2m.LevelInstance:
		return coap.Message{Code: coap.Unauthorized}
	case !c.store.has(p):
		return coap.Message{Code: coap.NotFound}
	}
	return c.content(r, p, c.store.readable(p))
}

// bootstrapDiscover lists objects and instances with the enabler version (Core 6.1.7.3): ssid on the
// instances of servers, uri on their Security instances (since 1.1), neither on the bootstrap
// server's account.
func (c *Client) bootstrapDiscover(p lwm2m.Path) coap.Message {
	if p.Level() > lwm2m.LevelObject {
		return coap.Message{Code: coap.BadRequest}
	}
	if p.Len() == 1 && !c.store.objects[p.Object()] {
		return coap.Message{Code: coap.NotFound}
	}
	links := []linkformat.Link{{Target: "/", Attributes: []linkformat.Attribute{linkformat.Attr("lwm2m", c.cfg.Version.String())}}}
	for _, l := range c.allLinks(p) {
		path, _ := l.Path("")
		l.Attributes = append(l.Attributes, c.accountAttributes(path)...)
		links = append(links, l)
	}
	if edit := c.cfg.Behaviour.EditDiscover; edit != nil {
		links = edit(links)
	}
	m := coap.Message{Code: coap.Content, Payload: linkformat.Encode(links)}
	m.AddUint(coap.ContentFormat, uint64(lwm2m.FormatLink))
	return m
}

func (c *Client) allLinks(p lwm2m.Path) []linkformat.Link {
	var out []linkformat.Link
	if p.Contains(lwm2m.NewPath(0)) {
		for _, i := range c.store.instancesOf(0) {
			out = append(out, linkformat.Link{Target: i.String()})
		}
	}
	for _, l := range c.objectLinks() {
		if path, ok := l.Path(""); ok && p.Contains(path) {
			out = append(out, l)
		}
	}
	return out
}

func (c *Client) accountAttributes(p lwm2m.Path) []linkformat.Attribute {
	v := func(r uint16) lwm2m.Value { return c.store.values[p.Child(r)] }
	switch {
	case p.Len() == 2 && p.Object() == 0 && !v(1).Bool():
		out := []linkformat.Attribute{linkformat.Attr("ssid", fmt.Sprint(v(10).Int()))}
		if c.cfg.Version >= lwm2m.V1_1 {
			out = append(out, linkformat.QuotedAttr("uri", v(0).Text()))
		}
		return out
	case p.Len() == 2 && p.Object() == 1:
		return []linkformat.Attribute{linkformat.Attr("ssid", fmt.Sprint(v(0).Int()))}
	}
	return nil
}
