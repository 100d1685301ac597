package harness

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// FromProfileOr stands for the profile's value where it gives one, else for this one.
func FromProfileOr(value any) any { return profileOr{value} }

type profileOr struct{ value any }

// String is what a reader expects.
func (p profileOr) String() string { return fmt.Sprintf("%v, or the value the profile gives", p.value) }

// HaveLegalFormat expects a Content-Format that the version of the run has for values: 11543 in 1.0
// only (Core 7.4).
func HaveLegalFormat() types.GomegaMatcher {
	return Satisfy("a Content-Format of the version of the run", func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		n, ok := x.Response.View.ContentFormat()
		f := lwm2m.ContentFormat(n)
		switch {
		case !ok:
			return Judgement{Actual: "no Content-Format", Message: x.Response.N}
		case !f.Known() || f.Since() > x.play.Version || f == lwm2m.FormatJSON && x.play.Version > lwm2m.V1_0:
			return Judgement{Actual: f.String(), Message: x.Response.N}
		}
		return Judgement{OK: true, Actual: f.String(), Message: x.Response.N}
	})
}

// HoldReadable expects the answer to a Read of an object to hold the instance with these resources, and
// nothing that a server may not read.
func HoldReadable(instance Target, resources ...uint16) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("%s with the resources %v and none that is not readable", instance, resources), func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		at, err := instance.find(x.play)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		body := x.Body()
		for _, r := range resources {
			if !body.Tree.Has(at.Child(r)) {
				return Judgement{Actual: fmt.Sprintf("no %s in %s", at.Child(r), body), Message: x.Response.N}
			}
		}
		for _, n := range body.Tree.Nodes {
			r, known := x.play.resource(n.Path)
			if known && !r.Operations.Readable() {
				return Judgement{Actual: fmt.Sprintf("%s (%s), which is not readable", n.Path, r.Name), Message: x.Response.N}
			}
		}
		return Judgement{OK: true, Actual: body.String(), Message: x.Response.N}
	})
}

// HoldOnlyInstance expects no other instance of the object in the answer.
func HoldOnlyInstance(instance Target) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("no instance but %s", instance), func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		at, err := instance.find(x.play)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		got := x.Body().Tree.Children(at.Parent())
		return Judgement{OK: slices.Equal(got, []lwm2m.Path{at}), Actual: fmt.Sprint(got), Message: x.Response.N}
	})
}

// AskFor expects the request to ask for the format by Accept.
func AskFor(f lwm2m.ContentFormat) types.GomegaMatcher {
	return Satisfy("Accept "+f.String(), func(x *Exchange) Judgement {
		a, ok := x.Request.View.Accept()
		if !ok {
			return Judgement{Actual: "no Accept", Message: x.Request.N}
		}
		return Judgement{OK: lwm2m.ContentFormat(a) == f, Actual: "Accept " + lwm2m.ContentFormat(a).String(), Message: x.Request.N}
	})
}

// CarryNoPayload expects a request without payload.
func CarryNoPayload() types.GomegaMatcher {
	return Satisfy("no payload", func(x *Exchange) Judgement {
		n := len(x.Request.View.Payload)
		return Judgement{OK: n == 0, Actual: fmt.Sprintf("%d bytes of payload", n), Message: x.Request.N}
	})
}

// HaveAttributes expects the query of a Write-Attributes to set exactly these, in any order.
func HaveAttributes(want ...string) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("the attributes %v", want), func(x *Exchange) Judgement {
		got := x.Request.View.Queries()
		sorted := func(s []string) []string { s = slices.Clone(s); slices.Sort(s); return s }
		return Judgement{OK: slices.Equal(sorted(got), sorted(want)), Actual: x.describeQuery(), Message: x.Request.N}
	})
}

// BeSecured expects the request, and its answer where there is one, to have gone through DTLS.
func BeSecured() types.GomegaMatcher {
	return Satisfy("everything within DTLS", func(x *Exchange) Judgement {
		if !x.Request.Secured {
			return Judgement{Actual: "a plain CoAP request", Message: x.Request.N}
		}
		if x.Response != nil && !x.Response.Secured {
			return Judgement{Actual: "a plain CoAP response", Message: x.Response.N}
		}
		return Judgement{OK: true, Actual: "DTLS", Message: x.Request.N}
	})
}

// NeverBePlain expects that not one CoAP message of the client went around DTLS in the whole play.
func NeverBePlain() types.GomegaMatcher {
	return Satisfy("no CoAP message outside of DTLS", func(x *Exchange) Judgement {
		for _, e := range x.play.trace.Entries() {
			plain := e.Kind == trace.CoAP && !e.Secured || e.Kind == trace.DTLS && len(e.Raw) > 0 && e.Raw[0]>>6 == 1
			if e.From == string(x.play.Role) && plain {
				return Judgement{Actual: "a plain CoAP message", Message: e.N}
			}
		}
		return Judgement{OK: true, Actual: "everything within DTLS"}
	})
}

// OfferSuite expects the client's ClientHello to offer the cipher suite.
func OfferSuite(suite uint16, name string) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("%s (0x%04X) among the suites offered", name, suite), func(x *Exchange) Judgement {
		if x.Request.Link.Watcher == nil {
			return Judgement{Actual: "no DTLS", Message: x.Request.N}
		}
		offered := x.Request.Link.Watcher.Handshake().Offered
		for _, s := range offered {
			if uint16(s) == suite {
				return Judgement{OK: true, Actual: fmt.Sprint(offered)}
			}
		}
		return Judgement{Actual: fmt.Sprint(offered)}
	})
}

// Accepted is the code of a successful change, which Write, Write-Attributes, Execute and Update share.
func Accepted() types.GomegaMatcher { return HaveCode(coap.Changed) }

// ExecuteProperly expects an Execute without payload, or with arguments as plain text; it may be
// Non-confirmable (Transport 6.8.1).
func ExecuteProperly() types.GomegaMatcher {
	return Satisfy("a POST without payload, or with arguments in plain text", func(x *Exchange) Judgement {
		v := x.Request.View
		if len(v.Payload) == 0 {
			return Judgement{OK: true, Actual: x.describeRequest(), Message: x.Request.N}
		}
		cf, ok := v.ContentFormat()
		good := ok && cf == uint16(lwm2m.FormatText) && executeArguments.Match(v.Payload)
		return Judgement{OK: good, Actual: fmt.Sprintf("%s with %q", x.describeRequest(), truncate(string(v.Payload), 60)), Message: x.Request.N}
	})
}

// executeArguments is the grammar of Core 6.3.5.
var executeArguments = regexp.MustCompile(`^[0-9](='[!#-&(-\[\]-~]*')?(,[0-9](='[!#-&(-\[\]-~]*')?)*$`)
