package harness

import (
	"fmt"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/codec"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// Exchange is a request with all that came of it, as a check sees it: the messages of the trace, and
// their payloads decoded with the object model of the play.
type Exchange struct {
	trace.Exchange
	play     *Play
	brokenBy *trace.Entry // of a step that watches for silence: what came meanwhile
}

// Body is a decoded payload.
type Body struct {
	Format   lwm2m.ContentFormat
	Stated   bool // the message has a Content-Format
	Tree     lwm2m.Tree
	Findings []lwm2m.Finding
	Err      error // no decoder for the format
}

// String lists what the body holds, for a report.
func (b Body) String() string {
	switch {
	case !b.Stated:
		return "a payload without Content-Format"
	case b.Err != nil:
		return b.Err.Error()
	}
	var parts []string
	for i, n := range b.Tree.Nodes {
		if i == 24 {
			parts = append(parts, fmt.Sprintf("and %d more", len(b.Tree.Nodes)-i))
			break
		}
		parts = append(parts, n.Path.String()+" = "+n.Value.String())
	}
	if len(parts) == 0 {
		return b.Format.String() + " without values"
	}
	return b.Format.String() + ": " + strings.Join(parts, ", ")
}

// Body decodes the payload of the final response.
func (x *Exchange) Body() Body {
	if x.Response == nil {
		return Body{}
	}
	base, _ := x.Path()
	return x.play.decode(x.Response.View, base, x.Request.View.Code)
}

// RequestBody decodes the payload of the request.
func (x *Exchange) RequestBody() Body {
	base, _ := x.Path()
	return x.play.decode(x.Request.View, base, x.Request.View.Code)
}

// Path is the LwM2M path the request addresses; ok is false when its Uri-Path is none.
func (x *Exchange) Path() (p lwm2m.Path, ok bool) {
	p, err := lwm2m.ParsePath("/" + strings.Join(x.Request.View.Path(), "/"))
	return p, err == nil
}

// Parameter gives the value of a query parameter of the request; a parameter without "=" has the
// value "".
func (x *Exchange) Parameter(name string) (value string, ok bool) {
	for _, q := range x.Request.View.Queries() {
		n, v, _ := strings.Cut(q, "=")
		if n == name {
			return v, true
		}
	}
	return "", false
}

// noResponse is the judgement on an exchange that has no final response.
func (x *Exchange) noResponse() Judgement {
	switch {
	case x.Reset != nil:
		return Judgement{Actual: "Reset", Message: x.Reset.N}
	case x.Ack != nil:
		return Judgement{Actual: "an empty acknowledgement and no response after it", Message: x.Ack.N}
	}
	return Judgement{Actual: "no answer", Message: x.Request.N}
}

func (x *Exchange) describeResponse() string {
	s := x.Response.View.Code.String()
	if p := x.Response.View.Payload; len(p) > 0 && x.Response.View.Code.Class() != 2 {
		s += fmt.Sprintf(" %q", truncate(string(p), 80))
	}
	return s
}

func (x *Exchange) describeRequest() string {
	v := x.Request.View
	s := v.Code.Name() + " /" + strings.Join(v.Path(), "/")
	if q := v.Queries(); len(q) > 0 {
		s += "?" + strings.Join(q, "&")
	}
	return s
}

func (x *Exchange) describeQuery() string {
	if q := x.Request.View.Queries(); len(q) > 0 {
		return "?" + strings.Join(q, "&")
	}
	return "no parameters"
}

// warn adds a remark of a check to the play's warnings, once.
func (x *Exchange) warn(text string) { x.play.warn(text) }

// decode reads a payload with the types of the play's object model.
func (p *Play) decode(v coap.View, base lwm2m.Path, method coap.Code) Body {
	cf, ok := v.ContentFormat()
	if !ok {
		return Body{}
	}
	b := Body{Format: lwm2m.ContentFormat(cf), Stated: true}
	b.Tree, b.Findings, b.Err = codec.Decode(b.Format, v.Payload, lwm2m.DecodeContext{
		Base: base, Types: p.types(), Version: p.Version, Method: method.Name(),
	})
	return b
}

func truncate(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
