package registration

import (
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int102: a client refreshes its registration; a server forgets the client that does not. ETS 6.2.2.
func Int102() Case {
	const lifetime = 20 * time.Second
	return Case{
		ID:      "LightweightM2M-1.1-int-102",
		Title:   "Registration update",
		Section: "6.2.2",
		Group:   "registration",
		Since:   lwm2m.V1_0,
		Config:  C1,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client,
				Text: "The server sets the Lifetime of its account to 20 s.",
				Do:   Write(Account(Lifetime), 20),
				Judge: []Criterion{
					{
						ID: "int-102.1 write-accepted", Role: Client,
						Text:         "The client answers the Write with 2.04 Changed.",
						Requirements: []string{"LWM2M-DM-C-023"},
						Check:        HaveCode(coap.Changed),
					},
					{
						ID: "int-102.8 lifetime-written", Role: Server, Derived: true,
						Text:         "The server writes 20 to the Lifetime of its account, in any legal format.",
						Requirements: []string{"LWM2M-REG-S-024"},
						Rulings:      []string{"R-6"},
						Check:        And(BeConfirmable(), Carry(Account(Lifetime), 20)),
					},
				},
			},
			{
				From: Client, To: Server,
				Text: "The client updates its registration with the new lifetime.",
				Do:   Update(),
				Judge: []Criterion{
					{
						ID: "int-102.2 update-carries-lifetime", Role: Client,
						Text:         "The Update carries lt=20.",
						Requirements: []string{"LWM2M-REG-C-009", "LWM2M-REG-C-027"},
						Check:        And(GoToItsLocation(), HaveQuery("lt", "20")),
					},
					{
						ID: "int-102.3 update-accepted", Role: Server,
						Text:         "The server answers the Update with 2.04 Changed.",
						Requirements: []string{"LWM2M-REG-S-021"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
			{
				From: Client, To: Server,
				Text:   "The client refreshes its registration before it expires.",
				Do:     Update(),
				Within: lifetime,
				Judge: []Criterion{
					{
						ID: "int-102.4 refresh-without-parameters", Role: Client,
						Text:         "Alternative a: the refresh has no parameter, since nothing has changed.",
						Requirements: []string{"LWM2M-REG-C-030"},
						Check:        HaveNoParameters(),
						OnArrival:    true,
					},
					{
						ID: "int-102.6 registration-refreshed", Role: Client, Derived: true,
						Text:         "The client refreshes its registration within the lifetime of 20 s; the ETS lets a client pass that does not.",
						Requirements: []string{"LWM2M-REG-C-026"},
						Rulings:      []string{"int-102, client"},
						Check:        GoToItsLocation(),
					},
					{
						ID: "int-102.7 refresh-accepted", Role: Server, Derived: true,
						Text:         "A refresh without parameters is answered with 2.04 Changed.",
						Requirements: []string{"LWM2M-REG-S-021"},
						Rulings:      []string{"int-102, server"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
			{
				From: Client, To: Server, OnlyFor: Server,
				Text: "The client falls silent; once its lifetime is over an Update finds no registration.",
				Do:   UpdateAfterExpiry(lifetime),
				Judge: []Criterion{
					{
						ID: "int-102.5 registration-expired", Role: Server,
						Text:         "Alternative b: the server has dropped the registration after 20 s and the profile's expiry_grace, and answers 4.04 Not Found.",
						Requirements: []string{"LWM2M-REG-S-018", "LWM2M-REG-S-019", "LWM2M-REG-S-020"},
						Rulings:      []string{"int-102, server"},
						Check:        HaveCode(coap.NotFound),
					},
				},
			},
		},
	}
}
