package harness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/registration"
)

// RegisterProperly expects a Register whose parameters and object list are what the version of the run
// asks for (Core 6.2.1): ep where it is due, lt, lwm2m of the run, an object list in link format with
// an instance of object 1 and with </3/0>. What only a SHOULD asks for is a warning.
func RegisterProperly() types.GomegaMatcher {
	return Satisfy("a Confirmable POST /rd with ep, lt, lwm2m of the run and the object list in link-format (40), /1 and /3/0 in it", func(x *Exchange) Judgement {
		v := x.Request.View
		fail := func(format string, args ...any) Judgement {
			return Judgement{Actual: fmt.Sprintf(format, args...), Message: x.Request.N}
		}
		if v.Type != coap.Confirmable {
			return fail("a %s message", v.Type)
		}
		p, fs := registration.ParseQuery(registration.Register, v.Queries(), x.play.Version)
		list, more := registration.ParseList(v.Payload, x.play.Version)
		for _, f := range append(fs, more...) {
			switch {
			case f.Rule == "registration.forbidden-object": // another criterion's
			case f.Level == lwm2m.MUST:
				return fail("%s: %s", x.describeQuery(), f.Text)
			default:
				x.warn(f.Text)
			}
		}
		if p.LwM2M != nil && *p.LwM2M != x.play.Version.String() {
			return fail("lwm2m=%s in a run of LwM2M %s", *p.LwM2M, x.play.Version)
		}
		if p.Endpoint == nil && !x.Request.Secured {
			return fail("%s: no ep, and no security identity in its place", x.describeQuery())
		}
		if p.Endpoint == nil {
			x.warn("Register has no ep; the security identity stands in its place")
		}
		if cf, ok := v.ContentFormat(); !ok || cf != uint16(lwm2m.FormatLink) {
			return fail("an object list without Content-Format link-format (40)")
		}
		return Judgement{OK: true, Actual: fmt.Sprintf("%s, %d instances", x.describeQuery(), len(list.Instances)), Message: x.Request.N}
	})
}

// NotAnnounceForbidden expects an object list without /0 and, since 1.1, without /21. /23, which only
// 1.2.1 forbids, is a warning.
func NotAnnounceForbidden() types.GomegaMatcher {
	return Satisfy("an object list without /0 and, since 1.1, /21", func(x *Exchange) Judgement {
		payload := fmt.Sprintf("%q", truncate(string(x.Request.View.Payload), 200))
		_, fs := registration.ParseList(x.Request.View.Payload, x.play.Version)
		for _, f := range fs {
			switch {
			case f.Rule == "registration.forbidden-object" && f.Level == lwm2m.MUST:
				return Judgement{Actual: f.Text + ": " + payload, Message: x.Request.N}
			case f.Rule == "registration.forbidden-object":
				x.warn(f.Text)
			}
		}
		return Judgement{OK: true, Actual: payload, Message: x.Request.N}
	})
}

// HaveLocationUnderRD expects the answer to a Register to name a location below /rd (Transport 6.4.3).
func HaveLocationUnderRD() types.GomegaMatcher {
	return Satisfy("a Location-Path /rd/{id}", func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		l := x.Response.View.Location()
		ok := len(l) >= 2 && l[0] == "rd" && !slices.Contains(l, "")
		actual := "/" + strings.Join(l, "/")
		if len(l) == 0 {
			actual = "no Location-Path"
		}
		return Judgement{OK: ok, Actual: actual, Message: x.Response.N}
	})
}

// RequestBootstrapProperly expects a Bootstrap-Request as Core 6.1.7.1 has it: Confirmable, ep where it
// is due, pct (since 1.1) a format that bootstrap can use, no payload.
func RequestBootstrapProperly() types.GomegaMatcher {
	return Satisfy("a Confirmable POST /bs with ep, at most pct beside it, and no payload", func(x *Exchange) Judgement {
		v := x.Request.View
		fail := func(format string, args ...any) Judgement {
			return Judgement{Actual: fmt.Sprintf(format, args...), Message: x.Request.N}
		}
		_, hasEP := x.Parameter("ep")
		pct, hasPCT := x.Parameter("pct")
		switch {
		case v.Type != coap.Confirmable:
			return fail("a %s message", v.Type)
		case len(v.Payload) > 0:
			return fail("%d bytes of payload", len(v.Payload))
		case !hasEP && (x.play.Version == lwm2m.V1_0 || !x.Request.Secured):
			return fail("no ep in %s", x.describeQuery())
		case hasPCT && x.play.Version == lwm2m.V1_0:
			return fail("pct, which LwM2M 1.0 does not have")
		case hasPCT && !slices.Contains(bootstrapFormats(x.play.Version), pct):
			return fail("pct=%s, which is no format for bootstrap", pct)
		}
		if !hasEP {
			x.warn("Bootstrap-Request has no ep; the security identity stands in its place")
		}
		return Judgement{OK: true, Actual: x.describeQuery(), Message: x.Request.N}
	})
}

func bootstrapFormats(v lwm2m.Version) []string {
	out := []string{"11542", "110", "112"}
	if v >= lwm2m.V1_2 {
		out = append(out, "11544")
	}
	return out
}
