package registration

import (
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int105: a client whose registration the server has lost registers again. ETS 6.2.5.
func Int105() Case {
	const lifetime = 60 * time.Second
	return Case{
		ID:      "LightweightM2M-1.1-int-105",
		Title:   "Update after the server lost the registration",
		Section: "6.2.5",
		Group:   "registration",
		Since:   lwm2m.V1_0,
		Config:  C1,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client,
				Text: "The server sets a short Lifetime of 60 s.",
				Do:   Write(Account(Lifetime), 60),
				Judge: []Criterion{
					{
						ID: "int-105.5 write-accepted", Role: Client, Derived: true,
						Text:         "The client answers the Write with 2.04 Changed.",
						Requirements: []string{"LWM2M-DM-C-023"},
						Rulings:      []string{"R-1"},
						Check:        HaveCode(coap.Changed),
					},
					{
						ID: "int-105.6 lifetime-written", Role: Server, Derived: true,
						Text:         "The server writes 60 to the Lifetime of its account, in any legal format.",
						Requirements: []string{"LWM2M-REG-S-024"},
						Rulings:      []string{"R-1", "R-6", "ERR-032"},
						Check:        And(BeConfirmable(), Carry(Account(Lifetime), 60)),
					},
				},
			},
			{
				From: Client, To: Server,
				Text:     "The client updates its registration with the new lifetime.",
				Do:       Update(),
				Within:   10 * time.Second,
				Optional: true,
			},
			{
				From: Operator, To: Server,
				Text: "The server is made to believe that the client is gone.",
				Do:   ForgetRegistration(),
			},
			{
				From: Client, To: Server,
				Text:   "The client sends its next periodic Update, within the lifetime.",
				Do:     StaleUpdate(),
				Within: lifetime,
				Judge: []Criterion{
					{
						ID: "int-105.1 update-in-time", Role: Client,
						Text:         "An Update to its location is sent within the lifetime.",
						Requirements: []string{"LWM2M-REG-C-026"},
						Check:        GoToItsLocation(),
					},
					{
						ID: "int-105.2 server-forgot", Role: Server,
						Text:         "The server regards the client as deregistered.",
						Requirements: []string{"LWM2M-REG-S-020"},
						Check:        Not(HaveCode(coap.Changed)),
					},
					{
						ID: "int-105.3 stale-update-refused", Role: Server,
						Text:         "The server answers the stale Update with 4.04 Not Found.",
						Requirements: []string{"LWM2M-REG-S-020"},
						Check:        HaveCode(coap.NotFound),
					},
				},
			},
			{
				From: Client, To: Server,
				Text: "The client registers again.",
				Do:   Register(),
				Judge: []Criterion{
					{
						ID: "int-105.4 registers-again", Role: Client,
						Text:         "The client registers again, as in int-101.",
						Requirements: []string{"LWM2M-REG-C-024", "LWM2M-REG-C-025"},
						Check:        RegisterProperly(),
					},
				},
			},
		},
	}
}
