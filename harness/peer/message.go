package peer

import (
	"fmt"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/codec"
)

// Message writes the call as the request it is on the wire (Transport 6.4), to a client whose objects
// are below prefix. Requests are Confirmable (Transport 6.8.1).
func (c Call) Message(b Behaviour, prefix string) (coap.Message, error) {
	m := coap.Message{Type: coap.Confirmable}
	if b.RequestsNON && c.Kind != Execute || b.ExecuteNON && c.Kind == Execute {
		m.Type = coap.NonConfirmable
	}
	if p := strings.Trim(prefix, "/"); p != "" {
		m.AddStrings(coap.URIPath, strings.Split(p, "/")...)
	}
	for _, id := range c.Path.IDs() {
		m.AddStrings(coap.URIPath, fmt.Sprint(id))
	}
	accept := c.Accept
	switch c.Kind {
	case Read, BootstrapRead:
		m.Code = coap.GET
	case Observe:
		m.Code = coap.GET
		m.AddUint(coap.Observe, 0)
	case CancelObserve:
		m.Code = coap.GET
		m.AddUint(coap.Observe, 1)
	case Discover, BootstrapDiscover:
		m.Code = coap.GET
		link := lwm2m.FormatLink
		accept = &link
	case Write, BootstrapWrite:
		m.Code = coap.PUT
	case WriteUpdate, Create:
		m.Code = coap.POST
	case WriteAttributes:
		m.Code = coap.PUT
		m.AddStrings(coap.URIQuery, strings.Split(c.Attributes, "&")...)
	case Execute:
		m.Code = coap.POST
		if c.Arguments != "" {
			m.AddUint(coap.ContentFormat, uint64(lwm2m.FormatText))
			m.Payload = []byte(c.Arguments)
		}
	case Delete, BootstrapDelete:
		m.Code = coap.DELETE
	case BootstrapFinish:
		m.Code = coap.POST
		m.AddStrings(coap.URIPath, "bs")
		if b.FinishPayload {
			m.AddUint(coap.ContentFormat, 0)
			m.Payload = []byte("done")
		}
	default:
		return m, fmt.Errorf("%q is no operation", c.Kind)
	}
	if accept != nil {
		m.AddUint(coap.Accept, uint64(*accept))
	}
	if len(c.Values.Nodes) > 0 {
		return c.withValues(m, b)
	}
	return m, nil
}

func (c Call) withValues(m coap.Message, b Behaviour) (coap.Message, error) {
	f, err := c.format(b)
	if err != nil {
		return m, err
	}
	m.Payload, err = codec.Encode(f, c.Values, c.Path, b.Codec)
	if err != nil {
		return m, fmt.Errorf("%s: %w", c, err)
	}
	if b.EditPayload != nil {
		m.Payload = b.EditPayload("write", c.Path, m.Payload)
	}
	if b.AnswerFormat != nil {
		f = *b.AnswerFormat
	}
	m.AddUint(coap.ContentFormat, uint64(f))
	return m, nil
}

// format is the one asked for, else the first of the preferred ones that can hold the values.
func (c Call) format(b Behaviour) (lwm2m.ContentFormat, error) {
	if c.Format != nil {
		return *c.Format, nil
	}
	preferred := b.Formats
	if len(preferred) == 0 {
		preferred = []lwm2m.ContentFormat{lwm2m.FormatText, lwm2m.FormatTLV, lwm2m.FormatSenMLCBOR, lwm2m.FormatSenMLJSON}
	}
	single := len(c.Values.Nodes) == 1 && c.Values.Nodes[0].Path == c.Path && c.Path.Level() >= lwm2m.LevelResource
	for _, f := range preferred {
		if single || f != lwm2m.FormatText && f != lwm2m.FormatOpaque && f != lwm2m.FormatCBOR {
			return f, nil
		}
	}
	return 0, fmt.Errorf("none of the formats %v can hold the values of %s", preferred, c.Path)
}
