package bootstrap

import (
	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int0: a client asks for bootstrap and is given a server account. ETS 6.1.1.1.
func Int0() Case {
	return Case{
		ID:       "LightweightM2M-1.1-int-0",
		Title:    "Client-initiated bootstrap",
		Section:  "6.1.1.1",
		Group:    "bootstrap",
		Since:    lwm2m.V1_0,
		Variants: []string{ObjectWise, InstanceWise},
		Needs:    map[Role][]string{Client: {"bs-client-initiated", "bs-write", "bs-discover", "cf-link"}},
		Config:   C13,
		Steps: []Step{
			{
				From: Client, To: BootstrapServer,
				Text: "The client requests bootstrap with its bootstrap-server account.",
				Do:   BootstrapRequest(),
				Judge: []Criterion{
					{
						ID: "int-0.1 request-accepted", Role: BootstrapServer,
						Text:         "The bootstrap server answers the Bootstrap-Request with 2.04 Changed.",
						Requirements: []string{"LWM2M-BS-B-001"},
						Check:        HaveCode(coap.Changed),
					},
					{
						ID: "int-0.7 request-well-formed", Role: Client, Derived: true,
						Text:         "The Bootstrap-Request is POST /bs with ep and, since 1.1, at most pct beside it.",
						Requirements: []string{"LWM2M-BS-C-015", "LWM2M-BS-C-018"},
						Rulings:      []string{"R-1"},
						Check:        RequestBootstrapProperly(),
					},
				},
			},
			{
				From: BootstrapServer, To: Client, OnlyFor: Client,
				Text: "The bootstrap server looks which instances there are.",
				Do:   FindFreeInstances(),
			},
			{
				From: BootstrapServer, To: Client, OnlyFor: Client,
				Text: "The bootstrap server writes the Security object: the server account of C.1.",
				Do:   WriteSecurity(),
				Judge: []Criterion{
					{
						ID: "int-0.3 writes-accepted", Role: Client,
						Text:         "The client answers each Write with 2.04 Changed.",
						Requirements: []string{"LWM2M-BS-C-031", "LWM2M-BS-C-032", "LWM2M-BS-C-036"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
			{
				From: BootstrapServer, To: Client, OnlyFor: Client,
				Text: "The bootstrap server writes the Server object of C.1.",
				Do:   WriteServer(),
				Judge: []Criterion{
					{
						ID: "int-0.3 writes-accepted", Role: Client,
						Text:         "The client answers each Write with 2.04 Changed.",
						Requirements: []string{"LWM2M-BS-C-031", "LWM2M-BS-C-032", "LWM2M-BS-C-036"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
			{
				From: BootstrapServer, To: Client, OnlyFor: Client,
				Text: "The bootstrap server discovers what the client has now.",
				Do:   BootstrapDiscover(),
				Judge: []Criterion{
					{
						ID: "int-0.4 discover-shows-account", Role: Client,
						Text:         "Discover lists the new state, with 2.05 Content in link-format.",
						Requirements: []string{"LWM2M-BS-C-037", "LWM2M-BS-C-038", "LWM2M-BS-C-039"},
						Rulings:      []string{"R-2", "R-4", "int-0, client"},
						Check:        And(HaveCode(coap.Content), HaveFormat(lwm2m.FormatLink), ListTheAccount()),
					},
				},
			},
			{
				From: BootstrapServer, To: Client, OnlyFor: Client,
				Text: "The bootstrap server finishes.",
				Do:   BootstrapFinish(),
				Judge: []Criterion{
					{
						ID: "int-0.5 finish-accepted", Role: Client,
						Text:         "The client judges the configuration consistent and answers with 2.04 Changed.",
						Requirements: []string{"LWM2M-BS-C-019"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
			{
				From: Client, To: Server, OnlyFor: Client,
				Text: "The client registers at the server it was given.",
				Do:   Register(),
				Judge: []Criterion{
					{
						ID: "int-0.6 registers-afterwards", Role: Client, Derived: true,
						Text:         "After the bootstrap the client registers at the server that was written.",
						Requirements: []string{"LWM2M-REG-C-001", "LWM2M-BS-C-009"},
						Rulings:      []string{"int-0, client"},
						Check:        HaveCode(coap.Created),
					},
				},
			},
			{
				From: BootstrapServer, To: Client, OnlyFor: BootstrapServer,
				Text:     "The bootstrap server writes what C.1 needs, in any order and shape, and finishes within 247 s.",
				Do:       AwaitBootstrap(),
				Optional: true,
				Judge: []Criterion{
					{
						ID: "int-0.8 finish-without-payload", Role: BootstrapServer, Derived: true,
						Text:         "Bootstrap-Finish comes, without payload.",
						Requirements: []string{"LWM2M-BS-B-005"},
						Rulings:      []string{"int-0, bootstrap server"},
						Check:        CarryNoPayload(),
					},
				},
			},
			{
				From: Client, To: BootstrapServer, OnlyFor: BootstrapServer,
				Text: "The client looks at what it was given.",
				Do:   LookBack(),
				Judge: []Criterion{
					{
						ID: "int-0.2 account-brought", Role: BootstrapServer,
						Text:         "The bootstrap server has issued the writes that install a consistent server account.",
						Requirements: []string{"LWM2M-BS-B-007", "LWM2M-BS-B-008"},
						Rulings:      []string{"R-6", "int-0, bootstrap server"},
						Check:        HaveBroughtAnAccount(),
					},
					{
						ID: "int-0.9 writes-valid", Role: BootstrapServer, Derived: true,
						Text:         "Each Bootstrap-Write states its Content-Format and is valid in it.",
						Requirements: []string{"LWM2M-BS-B-009", "LWM2M-FMT-B-001"},
						Rulings:      []string{"int-0, bootstrap server"},
						Check:        HaveWrittenValidly(),
					},
				},
			},
		},
	}
}
