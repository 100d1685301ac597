package client

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/attributes"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/codec"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
)

func parsePath(segments []string) (lwm2m.Path, error) {
	return lwm2m.ParsePath("/" + strings.Join(segments, "/"))
}

// manage serves a server's device management and reporting requests (Core 6.3, 6.4).
func (c *Client) manage(s *serverState, r *exchange.Request) {
	c.mu.Lock()
	ready := !s.disabled && len(s.location) > 0
	c.mu.Unlock()
	if ready {
		c.serveRequest(s, r)
		return
	}
	// Before registration and while disabled the client ignores the server (Core 6.3). The answer to
	// Register may still be on its way through this program, though.
	c.wg.Go(func() {
		if c.wait(10 * time.Millisecond) {
			c.mu.Lock()
			ready := !s.disabled && len(s.location) > 0
			c.mu.Unlock()
			if ready {
				c.serveRequest(s, r)
				return
			}
		}
		r.Ignore()
	})
}

func (c *Client) serveRequest(s *serverState, r *exchange.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := parsePath(r.Path())
	operation := operationOf(r)
	switch {
	case err != nil && r.Code == coap.FETCH, err != nil && r.Code == coap.IPATCH:
		c.respond(r, operation, p, coap.Message{Code: coap.MethodNotAllowed})
	case err != nil:
		c.respond(r, operation, p, coap.Message{Code: coap.NotFound})
	case p.Object() == 0 && p.Len() > 0, p.Object() == 21 && p.Len() > 0:
		c.respond(r, operation, p, coap.Message{Code: coap.Unauthorized})
	case p.Level() == lwm2m.LevelResourceInstance && c.cfg.Version < lwm2m.V1_1:
		c.respond(r, operation, p, coap.Message{Code: coap.NotFound})
	default:
		c.operate(s, r, operation, p)
	}
}

func operationOf(r *exchange.Request) string {
	_, observe := r.Observe()
	accept, _ := r.Accept()
	switch r.Code {
	case coap.GET:
		switch {
		case observe:
			return "observe"
		case accept == uint16(lwm2m.FormatLink):
			return "discover"
		}
		return "read"
	case coap.PUT:
		if len(r.Payload) == 0 && len(r.Queries()) > 0 {
			return "write-attributes"
		}
		return "write"
	case coap.POST:
		switch len(r.Path()) {
		case 1:
			return "create"
		case 2:
			return "write-update"
		}
		return "execute"
	case coap.DELETE:
		return "delete"
	}
	return "unknown"
}

func (c *Client) operate(s *serverState, r *exchange.Request, operation string, p lwm2m.Path) {
	if p.Len() == 0 {
		c.respond(r, operation, p, coap.Message{Code: coap.MethodNotAllowed})
		return
	}
	if operation != "create" && operation != "write" && !c.store.has(p) || operation == "write" && !c.writableTarget(p) {
		c.respond(r, operation, p, coap.Message{Code: coap.NotFound})
		return
	}
	switch operation {
	case "read":
		c.respond(r, operation, p, c.read(r, p))
	case "observe":
		c.observe(s, r, p)
	case "discover":
		c.respond(r, operation, p, c.discover(s, p))
	case "write", "write-update":
		m := c.write(r, p, operation == "write-update")
		c.respond(r, operation, p, m)
		if m.Code == coap.Changed {
			c.written(s, p)
		}
	case "write-attributes":
		c.respond(r, operation, p, c.writeAttributes(s, r, p))
	case "execute":
		c.execute(s, r, p)
	default:
		// A device with nothing but its mandatory objects creates and deletes nothing (Core 6.3.6, 6.3.7).
		c.respond(r, operation, p, coap.Message{Code: coap.MethodNotAllowed})
	}
}

// writableTarget: a Write may bring a resource that is not there yet, but no instance.
func (c *Client) writableTarget(p lwm2m.Path) bool {
	if p.Level() < lwm2m.LevelResource {
		return c.store.has(p)
	}
	if !c.store.has(p.Truncate(lwm2m.LevelInstance)) {
		return false
	}
	_, known := c.store.model.Resource(p)
	return known || c.store.has(p)
}

func (c *Client) read(r *exchange.Request, p lwm2m.Path) coap.Message {
	if res, ok := c.store.model.Resource(p); ok && !res.Operations.Readable() {
		return coap.Message{Code: coap.MethodNotAllowed}
	}
	tree := c.store.readable(p)
	if edit := c.cfg.Behaviour.EditRead; edit != nil {
		edit(p, &tree)
	}
	return c.content(r, p, tree)
}

// content writes a 2.05 with the values in the format asked for, else in the one preferred.
func (c *Client) content(r *exchange.Request, p lwm2m.Path, tree lwm2m.Tree) coap.Message {
	f, ok := c.chooseFormat(r, p)
	if !ok {
		return coap.Message{Code: coap.NotAcceptable}
	}
	b, err := codec.Encode(f, tree, p, c.cfg.Behaviour.Codec)
	if err != nil {
		return coap.Message{Code: coap.InternalServerError, Payload: []byte(err.Error())}
	}
	if edit := c.cfg.Behaviour.EditPayload; edit != nil {
		b = edit("read", p, b)
	}
	if a := c.cfg.Behaviour.AnswerFormat; a != nil {
		f = *a
	}
	m := coap.Message{Code: coap.Content, Payload: b}
	m.AddUint(coap.ContentFormat, uint64(f))
	return m
}

// supported are the formats of the client's version, best first.
func (c *Client) supported() []lwm2m.ContentFormat {
	fs := slices.Clone(c.cfg.Behaviour.Formats)
	fs = append(fs, lwm2m.FormatTLV, lwm2m.FormatText, lwm2m.FormatOpaque)
	fs = append(fs, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR)
	return slices.DeleteFunc(fs, func(f lwm2m.ContentFormat) bool { return f.Since() > c.cfg.Version })
}

func (c *Client) speaks(f lwm2m.ContentFormat) bool { return slices.Contains(c.supported(), f) }

func (c *Client) chooseFormat(r *exchange.Request, p lwm2m.Path) (lwm2m.ContentFormat, bool) {
	a, asked := r.Accept()
	for _, f := range c.supported() {
		if asked && lwm2m.ContentFormat(a) != f || !c.fits(f, p) {
			continue
		}
		return f, true
	}
	return 0, false
}

// fits says whether the format can hold what a path names.
func (c *Client) fits(f lwm2m.ContentFormat, p lwm2m.Path) bool {
	if f != lwm2m.FormatText && f != lwm2m.FormatOpaque {
		return true
	}
	v, single := c.store.values[p]
	return single && (f == lwm2m.FormatText || v.Type() == lwm2m.Opaque)
}

// write replaces or, for update, merges (Core 6.3.3). Everything is checked before anything changes.
func (c *Client) write(r *exchange.Request, p lwm2m.Path, update bool) coap.Message {
	cf, stated := r.ContentFormat()
	if p.Level() < lwm2m.LevelInstance {
		return coap.Message{Code: coap.MethodNotAllowed}
	}
	if !stated {
		return coap.Message{Code: coap.BadRequest}
	}
	tree, fs, err := codec.Decode(lwm2m.ContentFormat(cf), r.Payload, lwm2m.DecodeContext{Base: p, Types: c.store.model.TypeOf, Version: c.cfg.Version, Method: "PUT"})
	if err != nil || !c.speaks(lwm2m.ContentFormat(cf)) {
		return coap.Message{Code: coap.UnsupportedContentFormat}
	}
	for _, n := range tree.Nodes {
		if res, ok := c.store.model.Resource(n.Path); ok && !res.Operations.Writable() {
			return coap.Message{Code: coap.MethodNotAllowed}
		}
	}
	if lwm2m.BreaksMUST(fs) {
		return coap.Message{Code: coap.BadRequest, Payload: []byte(fs[0].Text)}
	}
	if !update {
		c.replace(p)
	}
	c.store.put(tree)
	return coap.Message{Code: coap.Changed}
}

// replace clears what a Write replaces: read-only resources stay (Core 6.3.3).
func (c *Client) replace(p lwm2m.Path) {
	for q := range c.store.values {
		if res, ok := c.store.model.Resource(q); p.Contains(q) && ok && res.Operations.Writable() {
			delete(c.store.values, q)
		}
	}
}

// written reacts to a changed value: a changed account is told to the server (Core 6.2.2), observers
// are notified.
func (c *Client) written(s *serverState, p lwm2m.Path) {
	if c.cfg.Autonomous && p.Object() == 1 {
		if a, err := c.server(s.account.ShortServerID); err == nil && (a.account.Lifetime != a.sent.lifetime || a.account.Binding != a.sent.binding) {
			wake(s, wakeUpdate)
		}
	}
	c.notifyChanged(p)
}

func (c *Client) writeAttributes(s *serverState, r *exchange.Request, p lwm2m.Path) coap.Message {
	as, fs := attributes.Parse(r.Queries(), c.cfg.Version)
	if lwm2m.BreaksMUST(fs) {
		return coap.Message{Code: coap.BadRequest, Payload: []byte(fs[0].Text)}
	}
	for _, a := range as {
		if (a.Name == "gt" || a.Name == "lt" || a.Name == "st") && !c.numeric(p) {
			return coap.Message{Code: coap.BadRequest}
		}
	}
	if !c.cfg.Behaviour.IgnoreAttributes {
		s.attributes.Apply(p, as)
		c.reschedule(s)
	}
	return coap.Message{Code: coap.Changed}
}

func (c *Client) numeric(p lwm2m.Path) bool {
	t, _, known := c.store.model.TypeOf(p)
	return known && (t == lwm2m.Integer || t == lwm2m.Unsigned || t == lwm2m.Float || t == lwm2m.Time)
}

// discover lists what is at and below a path with the asking server's attributes (Core 6.3.2).
func (c *Client) discover(s *serverState, p lwm2m.Path) coap.Message {
	var paths []lwm2m.Path
	paths = append(paths, p)
	switch p.Level() {
	case lwm2m.LevelObject:
		for _, i := range c.store.instancesOf(p.Object()) {
			paths = append(paths, i)
			paths = append(paths, c.store.resources(i)...)
		}
	case lwm2m.LevelInstance:
		paths = append(paths, c.store.resources(p)...)
	}
	var links []linkformat.Link
	for _, q := range paths {
		l := linkformat.Link{Target: q.String()}
		if q.Level() == lwm2m.LevelResource && c.store.multiple[q] {
			l.Attributes = append(l.Attributes, linkformat.Attr("dim", fmt.Sprint(len(c.store.readable(q).Children(q)))))
		}
		for _, a := range s.attributes.At(q) {
			l.Attributes = append(l.Attributes, linkformat.Attr(a.Name, a.Value))
		}
		links = append(links, l)
	}
	m := coap.Message{Code: coap.Content, Payload: linkformat.Encode(links)}
	if edit := c.cfg.Behaviour.EditPayload; edit != nil {
		m.Payload = edit("discover", p, m.Payload)
	}
	m.AddUint(coap.ContentFormat, uint64(lwm2m.FormatLink))
	return m
}

// execute carries out the executable resources of objects 1 and 3 (Core E.2, E.4): the answer goes
// out before the effect.
func (c *Client) execute(s *serverState, r *exchange.Request, p lwm2m.Path) {
	res, known := c.store.model.Resource(p)
	if p.Level() != lwm2m.LevelResource || known && !res.Operations.Executable() {
		c.respond(r, "execute", p, coap.Message{Code: coap.MethodNotAllowed})
		return
	}
	c.respond(r, "execute", p, coap.Message{Code: coap.Changed})
	if !c.cfg.Autonomous {
		return
	}
	switch {
	case p.Object() == 1 && p.Resource() == 4:
		wake(s, wakeDisable)
	case p.Object() == 1 && p.Resource() == 8:
		wake(s, wakeTrigger)
	case p == lwm2m.NewPath(3, 0, 4):
		wake(s, wakeRegister)
	}
}
