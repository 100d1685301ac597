package harness

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// render writes the trace into the result: messages decoded, key material masked.
func (p *Play) render(r *results.Result) {
	requests := map[int]trace.Exchange{}
	for _, x := range p.trace.Exchanges() {
		for _, n := range numbers(x) {
			requests[n] = x
		}
	}
	for _, e := range p.trace.Entries() {
		at := results.Duration(e.At.Sub(p.started))
		if e.Kind == trace.DTLS {
			r.Handshake = append(r.Handshake, results.Record{N: e.N, At: at, From: e.From, To: e.To, Text: e.Record})
			continue
		}
		m := p.message(e, requests[e.N])
		m.At = at
		r.Messages = append(r.Messages, m)
	}
}

func (p *Play) message(e trace.Entry, x trace.Exchange) results.Message {
	v := e.View
	m := results.Message{
		N: e.N, Link: e.Link.Name, Life: e.Life, From: e.From, To: e.To, Secured: e.Secured,
		Type: v.Type.String(), Code: v.Code.Dotted(), CodeName: v.Code.Name(), MessageID: v.MessageID, Token: hex.EncodeToString(v.Token),
		Notes: e.Notes, Repeated: e.Repeats,
	}
	for _, o := range v.Options {
		m.Options = append(m.Options, results.Option{Number: uint16(o.Number), Name: o.Number.String(), Value: strings.Trim(o.String(), `"`)})
	}
	for _, f := range v.Findings {
		m.Notes = append(m.Notes, fmt.Sprintf("%s: %s", f.Rule, f.Text))
	}
	if len(v.Findings) > 0 {
		m.Raw = hex.EncodeToString(p.mask(v.Raw, nil))
	}
	body := p.bodyOf(v, x)
	m.Payload = hex.EncodeToString(p.mask(v.Payload, secretsIn(body.Tree)))
	m.Decoded = decoded(v, body)
	for _, f := range body.Findings {
		m.Notes = append(m.Notes, f.String())
	}
	m.Summary = summary(v, body)
	return m
}

// bodyOf decodes the payload of a message with the path of the request it belongs to.
func (p *Play) bodyOf(v coap.View, x trace.Exchange) Body {
	cf, ok := v.ContentFormat()
	if len(v.Payload) == 0 || !ok || cf == uint16(lwm2m.FormatLink) || v.Code.Class() > 2 {
		return Body{}
	}
	y := &Exchange{Exchange: x, play: p}
	base, _ := y.Path()
	return p.decode(v, base, x.Request.View.Code)
}

func decoded(v coap.View, b Body) []results.Decoded {
	var out []results.Decoded
	cf, ok := v.ContentFormat()
	switch {
	case ok && cf == uint16(lwm2m.FormatLink):
		links, _ := linkformat.Decode(v.Payload)
		for _, l := range links {
			out = append(out, results.Decoded{Path: l.Target, Type: "link", Value: strings.TrimPrefix(string(linkformat.Encode([]linkformat.Link{l})), "<"+l.Target+">")})
		}
	case b.Err != nil:
		out = append(out, results.Decoded{Value: b.Err.Error()})
	case v.Code.Class() > 2 && len(v.Payload) > 0:
		out = append(out, results.Decoded{Type: "diagnostic", Value: truncate(string(v.Payload), 400)})
	}
	for _, n := range b.Tree.Nodes {
		d := results.Decoded{Path: n.Path.String(), Type: n.Value.Type().String(), Value: n.Value.String()}
		if isSecret(n.Path) && len(n.Value.Bytes()) > 0 {
			d.Value = "(secret)"
		}
		out = append(out, d)
	}
	return out
}

func summary(v coap.View, b Body) string {
	var s string
	switch {
	case v.Code.IsRequest():
		s = v.Code.Name() + " /" + strings.Join(v.Path(), "/")
		if q := v.Queries(); len(q) > 0 {
			s += "?" + strings.Join(q, "&")
		}
		if n, ok := v.Observe(); ok {
			s += fmt.Sprintf(", Observe %d", n)
		}
	case v.Code == coap.Empty:
		s = v.Type.String()
	default:
		s = v.Code.String()
		if l := v.Location(); len(l) > 0 {
			s += " at /" + strings.Join(l, "/")
		}
		if n, ok := v.Observe(); ok {
			s += fmt.Sprintf(", Observe %d", n)
		}
	}
	if n := len(v.Payload); n > 0 {
		s += fmt.Sprintf(", %d bytes", n)
		if cf, ok := v.ContentFormat(); ok {
			s += " of " + lwm2m.ContentFormat(cf).String()
		}
	}
	return s
}

// isSecret: the keys of objects 0 and 21 are never shown.
func isSecret(p lwm2m.Path) bool {
	return p.Len() >= 3 && (p.Object() == 0 && (p.Resource() == 5 || p.Resource() == 8) || p.Object() == 21 && p.Resource() == 0)
}

func secretsIn(t lwm2m.Tree) [][]byte {
	var out [][]byte
	for _, n := range t.Nodes {
		if isSecret(n.Path) && len(n.Value.Bytes()) > 0 {
			out = append(out, n.Value.Bytes())
		}
	}
	return out
}

// mask overwrites key material, the play's and that found in the payload itself, in every spelling a
// payload has for it.
func (p *Play) mask(b []byte, more [][]byte) []byte {
	for _, s := range append(more, p.account.Key) {
		if len(s) < 4 {
			continue
		}
		for _, spelled := range [][]byte{
			s, []byte(hex.EncodeToString(s)), []byte(base64.StdEncoding.EncodeToString(s)),
			[]byte(base64.RawStdEncoding.EncodeToString(s)), []byte(base64.RawURLEncoding.EncodeToString(s)),
		} {
			b = bytes.ReplaceAll(b, spelled, bytes.Repeat([]byte{'*'}, len(spelled)))
		}
	}
	return b
}

// redactLines masks the key in what the IUT wrote.
func (p *Play) redactLines(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = string(p.mask([]byte(l), nil))
	}
	return out
}

// numbers are those of all messages of an exchange.
func numbers(x trace.Exchange) []int {
	out := []int{x.Request.N}
	for _, e := range []*trace.Entry{x.Ack, x.Response, x.Reset} {
		if e != nil {
			out = append(out, e.N)
		}
	}
	for _, es := range [][]trace.Entry{x.Interim, x.Notifications, x.Confirmed, x.Rejected, x.Stray, x.Retransmissions, x.Repeated} {
		for _, e := range es {
			out = append(out, e.N)
		}
	}
	return out
}
