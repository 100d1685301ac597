package peer

import (
	"slices"
	"strings"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// calling changes what a server sends.
func calling(edit func(Call) *Call) func(*Behaviour) {
	return func(b *Behaviour) { b.EditCall = edit }
}

// answeringOnce changes the first answer to an Update that when is true for.
func answeringOnce(when func(coap.View) bool, code coap.Code) func(*Behaviour) {
	return func(b *Behaviour) {
		done := false
		b.EditAnswer = func(operation string, r coap.View, m *coap.Message) {
			if operation == "update" && !done && m.Code == coap.Changed && when(r) {
				done = true
				m.Code = code
			}
		}
	}
}

func hasLifetime(v coap.View) bool {
	return slices.ContainsFunc(v.Queries(), func(q string) bool { return strings.HasPrefix(q, "lt=") })
}

// staleAnswered replaces the code of answers to an Update of a location that is not known.
func staleAnswered(code coap.Code) func(*Behaviour) {
	return func(b *Behaviour) {
		b.EditAnswer = func(operation string, _ coap.View, m *coap.Message) {
			if operation == "update" && m.Code == coap.NotFound {
				m.Code = code
			}
		}
	}
}

func serverFaults() []Deviation {
	fault := func(name, text string, set func(*Behaviour), breaks ...string) Deviation {
		return Deviation{Name: name, Role: "server", Text: text, Breaks: breaks, Set: set}
	}
	voltage, current := lwm2m.NewPath(3, 0, 7), lwm2m.NewPath(3, 0, 8)
	return []Deviation{
		fault("register-answered-2.04", "answers Register with 2.04", answering("register", coap.Changed), "int-101.3", "int-401.2"),
		fault("no-location", "answers Register without Location-Path", func(b *Behaviour) { b.NoLocation = true }, "int-101.4"),
		fault("location-elsewhere", "gives locations outside of /rd", func(b *Behaviour) { b.LocationElsewhere = true }, "int-101.4"),
		fault("loses-location", "does not know the location it gave", func(b *Behaviour) { b.LoseLocation = true }, "int-101.5"),
		fault("update-with-lifetime-refused", "answers the first Update with lt by 4.00", answeringOnce(hasLifetime, coap.BadRequest), "int-102.3"),
		fault("refresh-refused", "answers the first Update without parameters by 4.00", answeringOnce(func(v coap.View) bool { return !hasLifetime(v) }, coap.BadRequest), "int-101.5", "int-102.7", "int-104.4"),
		fault("registrations-never-expire", "keeps registrations for ever", func(b *Behaviour) { b.NeverExpires = true }, "int-102.5"),
		fault("registrations-expire-early", "drops registrations after 60 % of their lifetime", func(b *Behaviour) { b.ExpiresEarly = true }, "int-104.5"),
		fault("writes-other-lifetime", "writes a lifetime that is 2 s shorter than asked", calling(func(c Call) *Call {
			if c.Kind == Write && len(c.Values.Nodes) == 1 {
				n := c.Values.Nodes[0]
				c.Values = lwm2m.Tree{}
				c.Values.Add(n.Path, lwm2m.IntegerValue(n.Value.Int()-2))
			}
			return &c
		}), "int-102.8", "int-105.6"),
		fault("requests-non-confirmable", "sends its requests as Non-confirmable messages", func(b *Behaviour) { b.RequestsNON = true },
			"int-102.8", "int-105.6", "int-301.8", "int-301.11", "int-301.12", "int-401.6"),
		fault("deregister-answered-2.04", "answers De-register with 2.04", answering("deregister", coap.Changed), "int-103.2"),
		fault("keeps-deregistered", "keeps what was de-registered", func(b *Behaviour) { b.KeepsDeregistered = true }, "int-103.3"),
		fault("executes-nothing", "says that it executes and does not", calling(func(c Call) *Call {
			if c.Kind == Execute {
				return nil
			}
			return &c
		}), "int-103.6", "int-104.1"),
		fault("execute-with-bad-arguments", "executes with arguments that are none", calling(func(c Call) *Call {
			if c.Kind == Execute {
				c.Arguments = "now please"
			}
			return &c
		}), "int-103.6", "int-104.1"),
		fault("stale-update-accepted", "answers an Update of a registration it does not have with 2.04", staleAnswered(coap.Changed), "int-102.5", "int-103.3", "int-105.2", "int-105.3"),
		fault("stale-update-answered-4.00", "answers an Update of a registration it does not have with 4.00", staleAnswered(coap.BadRequest), "int-102.5", "int-103.3", "int-105.3"),
		fault("resets-notifications", "rejects notifications", func(b *Behaviour) { b.ResetNotifications = true }, "int-301.2"),
		fault("wrong-voltage-attributes", "writes pmin=6 on the voltage", calling(func(c Call) *Call {
			if c.Kind == WriteAttributes && c.Path == voltage {
				c.Attributes = "pmin=6&pmax=15"
			}
			return &c
		}), "int-301.9"),
		fault("wrong-current-attributes", "leaves pmax out on the current", calling(func(c Call) *Call {
			if c.Kind == WriteAttributes && c.Path == current {
				c.Attributes = "pmin=10"
			}
			return &c
		}), "int-301.10"),
		fault("observes-no-voltage", "does not observe the voltage", calling(func(c Call) *Call {
			if c.Kind == Observe && c.Path == voltage {
				return nil
			}
			return &c
		}), "int-301.11"),
		fault("reads-without-accept", "reads without saying in which format", calling(func(c Call) *Call {
			c.Accept = nil
			return &c
		}), "int-401.6"),
	}
}

func serverVariants() []Deviation {
	benign := func(name, text string, set func(*Behaviour)) Deviation {
		return Deviation{Name: name, Role: "server", Benign: true, Text: text, Set: set}
	}
	policy := func(p exchange.Policy) func(*Behaviour) { return func(b *Behaviour) { b.Exchange = p } }
	return []Deviation{
		benign("server-deep-locations", "gives locations of four segments", func(b *Behaviour) { b.LocationDepth = 2 }),
		benign("server-writes-tlv", "writes single resources in TLV", func(b *Behaviour) { b.Formats = []lwm2m.ContentFormat{lwm2m.FormatTLV} }),
		benign("server-writes-instance", "writes a resource by a partial update of its instance", calling(func(c Call) *Call {
			if c.Kind == Write && c.Path.Level() == lwm2m.LevelResource {
				c.Kind, c.Path = WriteUpdate, c.Path.Parent()
			}
			return &c
		})),
		benign("server-separate-responses", "acknowledges first and responds 1.5 s later", policy(exchange.Policy{Separate: 1500 * time.Millisecond})),
		benign("server-response-first", "its responses overtake its acknowledgements", policy(exchange.Policy{Separate: 200 * time.Millisecond, ResponseFirst: true})),
		benign("server-everything-twice", "its answers arrive twice, as a network may do it", policy(exchange.Policy{Repeat: true})),
		benign("server-short-tokens", "uses tokens of one byte", policy(exchange.Policy{TokenLength: 1})),
		benign("server-executes-non-confirmable", "sends Execute as a Non-confirmable message, which it may", func(b *Behaviour) { b.ExecuteNON = true }),
	}
}

func bootstrapFaults() []Deviation {
	fault := func(name, text string, set func(*Behaviour), breaks ...string) Deviation {
		return Deviation{Name: name, Role: "bootstrap-server", Text: text, Breaks: breaks, Set: set}
	}
	return []Deviation{
		fault("bootstrap-request-answered-2.05", "answers Bootstrap-Request with 2.05 and goes on", answering("bootstrap-request", coap.Content), "int-0.1"),
		fault("brings-no-server-object", "writes the Security object alone", calling(func(c Call) *Call {
			if c.Kind == BootstrapWrite && c.Path.Object() == 1 {
				return nil
			}
			return &c
		}), "int-0.2"),
		fault("brings-other-ssid", "writes another Short Server ID into object 1 than into object 0", calling(func(c Call) *Call {
			if c.Kind == BootstrapWrite && c.Path.Object() == 1 {
				t := lwm2m.Tree{}
				for _, n := range c.Values.Nodes {
					if n.Path.Resource() == 0 {
						n.Value = lwm2m.IntegerValue(77)
					}
					t.Add(n.Path, n.Value)
				}
				c.Values = t
			}
			return &c
		}), "int-0.2"),
		fault("no-finish", "sends no Bootstrap-Finish", func(b *Behaviour) { b.NoFinish = true }, "int-0.8"),
		fault("finish-with-payload", "sends Bootstrap-Finish with a payload", func(b *Behaviour) { b.FinishPayload = true }, "int-0.8"),
		fault("bootstrap-write-malformed", "cuts off the last byte of what it writes into object 1", func(b *Behaviour) {
			b.EditPayload = func(_ string, p lwm2m.Path, body []byte) []byte {
				if p.Object() == 1 {
					return cut(body)
				}
				return body
			}
		}, "int-0.2", "int-0.9", "int-0.8"),
	}
}

func bootstrapVariants() []Deviation {
	benign := func(name, text string, set func(*Behaviour)) Deviation {
		return Deviation{Name: name, Role: "bootstrap-server", Benign: true, Text: text, Set: set}
	}
	formats := func(fs ...lwm2m.ContentFormat) func(*Behaviour) { return func(b *Behaviour) { b.Formats = fs } }
	return []Deviation{
		benign("bootstrap-object-wise", "writes whole objects", func(b *Behaviour) { b.ObjectWise = true }),
		benign("bootstrap-delete-first", "deletes everything before it writes", func(b *Behaviour) { b.DeleteFirst = true }),
		benign("bootstrap-discover-first", "discovers before it writes", func(b *Behaviour) { b.DiscoverFirst, b.ObjectWise = true, true }),
		benign("bootstrap-other-ids", "writes to /0/5 and /1/9", func(b *Behaviour) { b.SecurityID, b.ServerID = 5, 9 }),
		benign("bootstrap-senml-json", "writes SenML JSON (from 1.1)", formats(lwm2m.FormatSenMLJSON)),
		benign("bootstrap-senml-cbor", "writes SenML CBOR (from 1.1)", formats(lwm2m.FormatSenMLCBOR)),
		benign("bootstrap-separate-responses", "acknowledges first and responds 1.5 s later", func(b *Behaviour) {
			b.Exchange = exchange.Policy{Separate: 1500 * time.Millisecond}
		}),
		benign("bootstrap-everything-twice", "its answers arrive twice", func(b *Behaviour) { b.Exchange = exchange.Policy{Repeat: true} }),
	}
}
