package registration

import (
	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int101: a client registers by itself once it runs. ETS 6.2.1.
func Int101() Case {
	return Case{
		ID:      "LightweightM2M-1.1-int-101",
		Title:   "Initial registration",
		Section: "6.2.1",
		Group:   "registration",
		Since:   lwm2m.V1_0,
		Needs:   map[Role][]string{Client: {"cf-link"}},
		Config:  C1,
		Steps: []Step{
			{
				From: Client, To: Server,
				Text: "The client registers automatically.",
				Do:   Register(),
				Judge: []Criterion{
					{
						ID: "int-101.1 register-parameters", Role: Client,
						Text:         "Register carries ep, lt, lwm2m of the run, b and sms where they are sent, and the object and instance links in link-format.",
						Requirements: []string{"LWM2M-REG-C-002", "LWM2M-REG-C-008", "LWM2M-REG-C-010", "LWM2M-REG-C-013", "LWM2M-REG-C-018", "LWM2M-REG-C-019"},
						Rulings:      []string{"R-8", "int-101"},
						Check:        RegisterProperly(),
					},
					{
						ID: "int-101.2 forbidden-objects", Role: Client,
						Text:         "The Security object /0 and, since 1.1, the OSCORE object /21 are not listed.",
						Requirements: []string{"LWM2M-REG-C-015", "LWM2M-REG-C-016"},
						Rulings:      []string{"int-101"},
						Check:        NotAnnounceForbidden(),
					},
					{
						ID: "int-101.3 register-accepted", Role: Server,
						Text:         "The server answers Register with 2.01 Created.",
						Requirements: []string{"LWM2M-REG-S-001"},
						Check:        HaveCode(coap.Created),
					},
					{
						ID: "int-101.4 location-given", Role: Server, Derived: true,
						Text:         "The answer names a location below /rd.",
						Requirements: []string{"LWM2M-REG-S-002", "LWM2M-COAP-S-025"},
						Rulings:      []string{"int-101"},
						Check:        HaveLocationUnderRD(),
					},
				},
			},
			{
				From: Client, To: Server, OnlyFor: Server,
				Text: "An Update reaches the location that the server gave.",
				Do:   Update(),
				Judge: []Criterion{
					{
						ID: "int-101.5 location-reachable", Role: Server, Derived: true,
						Text:         "The server knows the location it gave and answers the Update with 2.04 Changed.",
						Requirements: []string{"LWM2M-REG-S-021"},
						Rulings:      []string{"int-101"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
		},
	}
}
