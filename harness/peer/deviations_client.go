package peer

import (
	"slices"
	"strings"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/codec"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/senml"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/tlv"
)

// answering replaces the code of one operation's answers.
func answering(operation string, code coap.Code) func(*Behaviour) {
	return func(b *Behaviour) { b.Answer = map[string]coap.Code{operation: code} }
}

// registering changes the parameters of Register.
func registering(edit func(query []string) []string) func(*Behaviour) {
	return func(b *Behaviour) {
		b.EditRegister = func(query []string, links []linkformat.Link) ([]string, []linkformat.Link) {
			if links == nil {
				return query, links // a Bootstrap-Request
			}
			return edit(query), links
		}
	}
}

// listing changes the object list of Register.
func listing(edit func(links []linkformat.Link) []linkformat.Link) func(*Behaviour) {
	return func(b *Behaviour) {
		b.EditRegister = func(query []string, links []linkformat.Link) ([]string, []linkformat.Link) {
			if links == nil {
				return query, links
			}
			return query, edit(links)
		}
	}
}

// reading changes the values of the answer to a Read of p.
func reading(p string, edit func(t *lwm2m.Tree)) func(*Behaviour) {
	path := lwm2m.MustParsePath(p)
	return func(b *Behaviour) {
		b.EditRead = func(request lwm2m.Path, t *lwm2m.Tree) {
			if request == path {
				edit(t)
			}
		}
	}
}

func without(t *lwm2m.Tree, gone func(lwm2m.Path) bool) {
	t.Nodes = slices.DeleteFunc(t.Nodes, func(n lwm2m.Node) bool { return gone(n.Path) })
}

// payload changes the bytes of answers about p.
func payload(what, p string, edit func([]byte) []byte) func(*Behaviour) {
	path := lwm2m.MustParsePath(p)
	return func(b *Behaviour) {
		b.EditPayload = func(w string, request lwm2m.Path, body []byte) []byte {
			if w == what && request == path {
				return edit(body)
			}
			return body
		}
	}
}

func cut(b []byte) []byte { return b[:len(b)-1] }

func clientFaults() []Deviation {
	fault := func(name, text string, set func(*Behaviour), breaks ...string) Deviation {
		return Deviation{Name: name, Role: "client", Text: text, Breaks: breaks, Set: set}
	}
	return []Deviation{
		fault("bootstrap-write-created", "answers a Bootstrap-Write with 2.01 (field bug F021)", answering("bootstrap-write", coap.Created), "int-0.3"),
		fault("bootstrap-discover-without-ssid", "lists its account without ssid (field bug F033)", func(b *Behaviour) {
			b.EditDiscover = func(links []linkformat.Link) []linkformat.Link {
				for i := range links {
					links[i].Attributes = slices.DeleteFunc(links[i].Attributes, func(a linkformat.Attribute) bool { return a.Name == "ssid" })
				}
				return links
			}
		}, "int-0.4"),
		fault("bootstrap-discover-wrong-version", "lists another enabler version than it has", func(b *Behaviour) {
			b.EditDiscover = func(links []linkformat.Link) []linkformat.Link {
				links[0].Attributes = []linkformat.Attribute{linkformat.Attr("lwm2m", "0.9")}
				return links
			}
		}, "int-0.4"),
		fault("bootstrap-finish-not-found", "answers Bootstrap-Finish with 4.04 (field bug F022)", answering("bootstrap-finish", coap.NotFound), "int-0.5"),
		fault("no-register-after-bootstrap", "stays away from the server it was given", func(b *Behaviour) { b.NoRegister = true }, "int-0.6"),
		fault("bootstrap-request-bad-pct", "asks for bootstrap in plain text", func(b *Behaviour) {
			b.EditRegister = func(query []string, links []linkformat.Link) ([]string, []linkformat.Link) {
				if links == nil {
					query = append(query, "pct=0")
				}
				return query, links
			}
		}, "int-0.7"),

		fault("register-wrong-version", "registers with lwm2m=0.9", registering(func(q []string) []string {
			return replacePrefix(q, "lwm2m=", "lwm2m=0.9")
		}), "int-0.6", "int-101.1", "int-401.1"),
		fault("register-sms-null", "registers with sms=null (field bug F006)", registering(func(q []string) []string { return append(q, "sms=null") }), "int-0.6", "int-101.1", "int-401.1"),
		fault("register-lists-resource-instance", "lists /3/0/11/0 in Register (field bug F001)", listing(func(l []linkformat.Link) []linkformat.Link {
			return append(l, linkformat.Link{Target: "/3/0/11/0"})
		}), "int-0.6", "int-101.1", "int-401.1"),
		fault("register-lists-security", "lists /0/0 in Register (field bug F004)", listing(func(l []linkformat.Link) []linkformat.Link {
			return append([]linkformat.Link{{Target: "/0/0"}}, l...)
		}), "int-0.6", "int-101.2", "int-401.1"),

		fault("write-answered-2.05", "answers Write with 2.05", answering("write", coap.Content), "int-102.1", "int-105.5"),
		fault("update-without-lifetime", "updates after a new lifetime without lt", func(b *Behaviour) {
			b.EditUpdate = func([]string, bool) []string { return nil }
		}, "int-102.2"),
		fault("refresh-repeats-binding", "repeats b in every refresh though nothing changed (field bug F009)", func(b *Behaviour) {
			b.EditUpdate = func(q []string, triggered bool) []string {
				if len(q) == 0 && !triggered {
					return []string{"b=U"}
				}
				return q
			}
		}, "int-102.4"),
		fault("never-refreshes", "lets its registration expire", func(b *Behaviour) { b.NoRefresh = true }, "int-102.6", "int-105.1"),

		fault("disable-answered-4.05", "answers Execute of Disable with 4.05 and obeys", answering("execute /1/0/4", coap.MethodNotAllowed), "int-103.1"),
		fault("disable-without-deregister", "leaves after Disable without De-register", func(b *Behaviour) { b.NoDeregister = true }, "int-103.4"),
		fault("disabled-comes-back", "registers a second after it was disabled", func(b *Behaviour) { b.NotDisabled = true }, "int-103.5"),

		fault("trigger-answered-4.04", "answers Execute of the update trigger with 4.04 and obeys", answering("execute /1/0/8", coap.NotFound), "int-104.2"),
		fault("triggered-update-with-binding", "repeats b in an Update that was triggered", func(b *Behaviour) {
			b.EditUpdate = func(q []string, triggered bool) []string {
				if triggered {
					return append(q, "b=U")
				}
				return q
			}
		}, "int-104.3"),
		fault("trigger-ignored", "answers the update trigger and sends no Update", func(b *Behaviour) { b.NoUpdateOnTrigger = true }, "int-104.6"),
		fault("trigger-ignored-often-refreshing", "ignores the update trigger, and refreshes so often that it looks as if it did not", func(b *Behaviour) {
			b.NoUpdateOnTrigger, b.RefreshAt = true, 0.2
		}, "int-104.7"),
		fault("no-register-after-4.04", "goes on when its Update is answered with 4.04 (field bug F010)", func(b *Behaviour) { b.NoReregister = true }, "int-105.4"),

		fault("text-with-newline", "ends plain text with a line feed", func(b *Behaviour) {
			b.EditPayload = func(what string, p lwm2m.Path, body []byte) []byte {
				if what == "read" && p.Level() == lwm2m.LevelResource && p.Resource() < 3 {
					return append(body, '\n')
				}
				return body
			}
		}, "int-201.1"),
		fault("tlv-error-code-single", "writes Error Code as a single resource in TLV", reading("/3/0", func(t *lwm2m.Tree) {
			for i := range t.Nodes {
				if t.Nodes[i].Path == lwm2m.NewPath(3, 0, 11, 0) {
					t.Nodes[i].Path = lwm2m.NewPath(3, 0, 11)
				}
			}
		}), "int-203.1", "int-401.3"),
		fault("server-object-without-binding", "leaves /1/x/7 out of a Read of /1", reading("/1", func(t *lwm2m.Tree) {
			without(t, func(p lwm2m.Path) bool { return p.Resource() == 7 && p.Len() == 3 })
		}), "int-222.1"),
		fault("device-object-without-error-code", "leaves /3/0/11 out of a Read of /3 (field bug F045)", reading("/3", func(t *lwm2m.Tree) {
			without(t, func(p lwm2m.Path) bool { return p.Len() > 2 && p.Resource() == 11 })
		}), "int-222.2"),

		fault("ignores-pmin", "notifies every change at once", func(b *Behaviour) { b.IgnorePmin = true }, "int-301.1"),
		fault("ignores-pmax", "notifies changes only, which do not come", func(b *Behaviour) { b.IgnorePmax, b.ConstantOnly = true, true }, "int-301.1"),
		fault("no-notifications", "accepts an observation and notifies nothing", func(b *Behaviour) { b.NoNotifications = true }, "int-301.1"),
		fault("read-of-multiple-refused", "answers a Read of /3/0/6 with 5.00", answering("read /3/0/6", coap.InternalServerError), "int-301.3"),
		fault("voltage-attributes-refused", "answers Write-Attributes on /3/0/7 with 5.00 (field bug F046)", answering("write-attributes /3/0/7", coap.InternalServerError), "int-301.4"),
		fault("current-attributes-refused", "answers Write-Attributes on /3/0/8 with 5.00", answering("write-attributes /3/0/8", coap.InternalServerError), "int-301.5"),
		fault("voltage-malformed", "cuts off the last byte of what it says of /3/0/7", payload("read", "/3/0/7", cut), "int-301.6"),
		fault("current-malformed", "cuts off the last byte of what it says of /3/0/8", payload("read", "/3/0/8", cut), "int-301.7"),
		fault("attributes-not-listed", "lists no attributes in Discover", func(b *Behaviour) {
			b.ConstantOnly = true
			b.EditPayload = func(what string, _ lwm2m.Path, body []byte) []byte {
				if what != "discover" {
					return body
				}
				links, _ := linkformat.Decode(body)
				for i := range links {
					links[i].Attributes = nil
				}
				return linkformat.Encode(links)
			}
		}, "int-301.13"),

		fault("offers-cbc-only", "offers TLS_PSK_WITH_AES_128_CBC_SHA256 alone", func(b *Behaviour) { b.OfferOnly = []handshake.Suite{0x00ae} }, "int-401.4"),
		fault("plain-beside-dtls", "sends a plain CoAP message on the flow of its association", func(b *Behaviour) { b.PlainToo = true }, "int-401.5"),
	}
}

func replacePrefix(q []string, prefix, with string) []string {
	out := slices.Clone(q)
	for i := range out {
		if strings.HasPrefix(out[i], prefix) {
			out[i] = with
		}
	}
	return out
}

func clientVariants() []Deviation {
	benign := func(name, text string, set func(*Behaviour)) Deviation {
		return Deviation{Name: name, Role: "client", Benign: true, Text: text, Set: set}
	}
	formats := func(fs ...lwm2m.ContentFormat) func(*Behaviour) { return func(b *Behaviour) { b.Formats = fs } }
	policy := func(p exchange.Policy) func(*Behaviour) { return func(b *Behaviour) { b.Exchange = p } }
	return []Deviation{
		benign("prefers-senml-json", "answers in SenML JSON where it may choose (from 1.1)", formats(lwm2m.FormatSenMLJSON)),
		benign("prefers-senml-cbor", "answers in SenML CBOR where it may choose (from 1.1)", formats(lwm2m.FormatSenMLCBOR)),
		benign("prefers-text", "answers in plain text where one value is asked for", formats(lwm2m.FormatText)),
		benign("senml-full-names", "writes SenML without base names", func(b *Behaviour) {
			b.Formats, b.Codec = []lwm2m.ContentFormat{lwm2m.FormatSenMLJSON}, codec.Options{SenML: senml.Options{Split: senml.FullNames}}
		}),
		benign("senml-full-bases", "writes SenML with a whole path as base name in each record, in CBOR of indefinite length", func(b *Behaviour) {
			b.Formats, b.Codec = []lwm2m.ContentFormat{lwm2m.FormatSenMLCBOR}, codec.Options{SenML: senml.Options{Split: senml.FullBases, Indefinite: true}}
		}),
		benign("tlv-wraps-instance", "puts an Object Instance around the resources where it is optional", func(b *Behaviour) {
			b.Codec = codec.Options{TLV: tlv.Options{Wrap: true}}
		}),
		benign("separate-responses", "acknowledges first and responds 1.5 s later", policy(exchange.Policy{Separate: 1500 * time.Millisecond})),
		benign("separate-non-responses", "responds separately by Non-confirmable messages", policy(exchange.Policy{Separate: 500 * time.Millisecond, SeparateNON: true})),
		benign("response-before-acknowledgement", "its responses overtake its acknowledgements", policy(exchange.Policy{Separate: 200 * time.Millisecond, ResponseFirst: true})),
		benign("everything-twice", "its answers arrive twice, as a network may do it", policy(exchange.Policy{Repeat: true})),
		benign("short-tokens", "uses tokens of one byte", policy(exchange.Policy{TokenLength: 1})),
		benign("empty-tokens", "uses empty tokens, one request at a time", policy(exchange.Policy{NoToken: true})),
		benign("confirmable-notifications", "notifies by Confirmable messages", func(b *Behaviour) { b.NotifyCON = true }),
		benign("other-instance-ids", "holds its account in /0/3 and /1/7", func(b *Behaviour) { b.SecurityID, b.ServerID = 3, 7 }),
		benign("extra-objects", "has further objects, one without instance, one of a vendor, and further resources", func(b *Behaviour) { b.ExtraObjects = true }),
		benign("root-link-with-formats", "announces its formats by ct on the root link", func(b *Behaviour) { b.RootLink = "ct" }),
		benign("root-link-with-type", "announces rt=\"oma.lwm2m\" on the root link", func(b *Behaviour) { b.RootLink = "rt" }),
		benign("quoted-links", "quotes every attribute value in link-format", func(b *Behaviour) { b.QuoteLinks, b.RootLink = true, "ct" }),
		benign("reversed-links", "announces its objects in falling order", func(b *Behaviour) { b.ReverseLinks = true }),
		benign("early-refresh", "refreshes after 30 % of the lifetime", func(b *Behaviour) { b.RefreshAt = 0.3 }),
		benign("late-refresh", "refreshes after 93 % of the lifetime", func(b *Behaviour) { b.RefreshAt = 0.93 }),
		benign("hesitates", "takes 3 s before it does what is due", func(b *Behaviour) { b.Hesitate = 3 * time.Second }),
		benign("constant-values", "has values that cannot be changed from outside", func(b *Behaviour) { b.ConstantOnly = true }),
	}
}
