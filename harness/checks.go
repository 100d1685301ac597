package harness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/gomega/types"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// HaveCode expects the final response of the exchange to have one of the codes.
func HaveCode(codes ...coap.Code) types.GomegaMatcher {
	names := make([]string, len(codes))
	for i, c := range codes {
		names[i] = c.String()
	}
	return Satisfy(strings.Join(names, " or "), func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		return Judgement{OK: slices.Contains(codes, x.Response.View.Code), Actual: x.describeResponse(), Message: x.Response.N}
	})
}

// HaveQuery expects a parameter of the request with exactly this value.
func HaveQuery(name, value string) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("the parameter %s=%s", name, value), func(x *Exchange) Judgement {
		got, ok := x.Parameter(name)
		return Judgement{OK: ok && got == value, Actual: x.describeQuery(), Message: x.Request.N}
	})
}

// HaveNoParameters expects a request with neither parameters nor payload: a pure refresh.
func HaveNoParameters() types.GomegaMatcher {
	return Satisfy("no parameter and no payload", func(x *Exchange) Judgement {
		v := x.Request.View
		ok := len(v.Queries()) == 0 && len(v.Payload) == 0
		actual := x.describeQuery()
		if len(v.Payload) > 0 {
			actual += fmt.Sprintf(", %d bytes of payload", len(v.Payload))
		}
		return Judgement{OK: ok, Actual: actual, Message: x.Request.N}
	})
}

// BeConfirmable expects the request to be a Confirmable message.
func BeConfirmable() types.GomegaMatcher {
	return Satisfy("a Confirmable message", func(x *Exchange) Judgement {
		return Judgement{OK: x.Request.View.Type == coap.Confirmable, Actual: x.Request.View.Type.String(), Message: x.Request.N}
	})
}

// HaveFormat expects the response's Content-Format.
func HaveFormat(f lwm2m.ContentFormat) types.GomegaMatcher {
	return Satisfy("Content-Format "+f.String(), func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		got, ok := x.Response.View.ContentFormat()
		if !ok {
			return Judgement{Actual: "no Content-Format", Message: x.Response.N}
		}
		return Judgement{OK: lwm2m.ContentFormat(got) == f, Actual: "Content-Format " + lwm2m.ContentFormat(got).String(), Message: x.Response.N}
	})
}

// HaveValue expects the response to carry this value at the target; want may be FromProfile.
func HaveValue(t Target, want any) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("%s = %s", t, describeWanted(want)), func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		path, err := t.find(x.play)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		wanted, err := x.play.value(path, want)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		body := x.Body()
		got, ok := body.Tree.Get(path)
		if !ok {
			return Judgement{Actual: fmt.Sprintf("no %s in %s", path, body), Message: x.Response.N}
		}
		return Judgement{OK: got.Equal(wanted), Actual: fmt.Sprintf("%s = %s", path, got), Message: x.Response.N}
	})
}

// BeWellFormed expects the response's payload to keep every MUST of its Content-Format.
func BeWellFormed() types.GomegaMatcher {
	return Satisfy("a payload that is valid in its Content-Format", func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		body := x.Body()
		for _, f := range body.Findings {
			if f.Level == lwm2m.MUST {
				return Judgement{Actual: f.String(), Message: x.Response.N}
			}
		}
		return Judgement{OK: true, Actual: body.String(), Message: x.Response.N}
	})
}

// CarryObserve expects the answer to an Observe to have the Observe option, by which the client says
// that it added the observer (RFC 7641 section 4.1).
func CarryObserve() types.GomegaMatcher {
	return Satisfy("an Observe option", func(x *Exchange) Judgement {
		if x.Response == nil {
			return x.noResponse()
		}
		n, ok := x.Response.View.Observe()
		if !ok {
			return Judgement{Actual: "no Observe option in " + x.describeResponse(), Message: x.Response.N}
		}
		return Judgement{OK: true, Actual: fmt.Sprintf("Observe %d", n), Message: x.Response.N}
	})
}

// Happen expects that the step's message came at all.
func Happen() types.GomegaMatcher {
	return Satisfy("the message to come", func(x *Exchange) Judgement {
		return Judgement{OK: true, Actual: x.describeRequest(), Message: x.Request.N}
	})
}

// fromProfile is an expected value that the profile gives.
type fromProfile struct{}

// FromProfile stands for the value the profile's values: gives for the path (ruling R-3).
var FromProfile = fromProfile{}

func describeWanted(want any) string {
	if _, ok := want.(fromProfile); ok {
		return "the value the profile gives"
	}
	return fmt.Sprint(want)
}

// Carry expects the request's payload to hold this value at the target, in whatever legal format and
// shape (ruling R-6).
func Carry(t Target, want any) types.GomegaMatcher {
	return Satisfy(fmt.Sprintf("a payload with %s = %s, valid in its Content-Format", t, describeWanted(want)), func(x *Exchange) Judgement {
		path, err := t.find(x.play)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		wanted, err := x.play.value(path, want)
		if err != nil {
			return Judgement{Actual: err.Error()}
		}
		body := x.RequestBody()
		for _, f := range body.Findings {
			if f.Level == lwm2m.MUST {
				return Judgement{Actual: f.String(), Message: x.Request.N}
			}
		}
		got, ok := body.Tree.Get(path)
		if !ok {
			return Judgement{Actual: fmt.Sprintf("no %s in %s", path, body), Message: x.Request.N}
		}
		return Judgement{OK: got.Equal(wanted), Actual: fmt.Sprintf("%s = %s", path, got), Message: x.Request.N}
	})
}

// GoToItsLocation expects a registration message to go to the location that the server gave last.
func GoToItsLocation() types.GomegaMatcher {
	return Satisfy("the location of the last 2.01 Created as Uri-Path", func(x *Exchange) Judgement {
		want := x.play.location(x.Request.N)
		got := x.Request.View.Path()
		return Judgement{OK: want != nil && slices.Equal(got, want), Actual: fmt.Sprintf("/%s, registered at /%s", strings.Join(got, "/"), strings.Join(want, "/")), Message: x.Request.N}
	})
}
