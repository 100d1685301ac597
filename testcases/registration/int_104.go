package registration

import (
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int104: a client updates its registration when it is told to. ETS 6.2.4.
func Int104() Case {
	const lifetime = 20 * time.Second
	return Case{
		ID:      "LightweightM2M-1.1-int-104",
		Title:   "Registration update trigger",
		Section: "6.2.4",
		Group:   "registration",
		Since:   lwm2m.V1_0,
		Needs:   map[Role][]string{Client: {"res-1-8"}},
		Config:  C1,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client,
				Text: "The server sets the Lifetime of its account to 20 s.",
				Do:   Write(Account(Lifetime), 20),
			},
			{
				From: Client, To: Server,
				Text: "The client updates its registration with the new lifetime.",
				Do:   Update(),
			},
			{
				From: Client, To: Server, OnlyFor: Server,
				Text: "10 s of the first lifetime pass.",
				Do:   Pause(10 * time.Second),
			},
			{
				From: Server, To: Client,
				Text: "The server executes the Registration Update Trigger before the lifetime ends.",
				Do:   Execute(Account(RegistrationUpdateTrigger)),
				Judge: []Criterion{
					{
						ID: "int-104.1 trigger-sent", Role: Server,
						Text:         "The server sends the trigger.",
						Requirements: []string{"LWM2M-DM-S-009"},
						Check:        ExecuteProperly(),
					},
					{
						ID: "int-104.2 trigger-accepted", Role: Client,
						Text:         "The client answers the Execute with 2.04 Changed.",
						Requirements: []string{"LWM2M-DM-C-048"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
			{
				From: Client, To: Server,
				Text:   "The client updates its registration, within 5 s.",
				Do:     Update(),
				Within: 5 * time.Second,
				Judge: []Criterion{
					{
						ID: "int-104.3 update-without-parameters", Role: Client,
						Text:         "The Update has no parameter.",
						Requirements: []string{"LWM2M-REG-C-030"},
						Check:        HaveNoParameters(),
						OnArrival:    true,
					},
					{
						ID: "int-104.6 trigger-followed", Role: Client, Derived: true,
						Text:         "An Update to its location follows the trigger within 5 s.",
						Requirements: []string{"LWM2M-REG-C-033"},
						Rulings:      []string{"int-104"},
						Check:        GoToItsLocation(),
					},
					{
						ID: "int-104.4 update-accepted", Role: Server,
						Text:         "The server answers the Update with 2.04 Changed.",
						Requirements: []string{"LWM2M-REG-S-021"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
			{
				From: Client, To: Server, OnlyFor: Client,
				Text:     "The next refresh shows how often the client updates of itself.",
				Do:       Cadence(lifetime),
				Within:   lifetime,
				Optional: true,
			},
			{
				From: Server, To: Client, OnlyFor: Client,
				Text: "Where that is more often than every 10 s, the server sets the Lifetime to 300 s.",
				Do:   Write(Account(Lifetime), 300),
				When: ShortCadence,
			},
			{
				From: Client, To: Server, OnlyFor: Client,
				Text: "The client updates its registration with the lifetime of 300 s.",
				Do:   Update(),
				When: ShortCadence,
			},
			{
				From: Server, To: Client, OnlyFor: Client,
				Text: "The server executes the trigger again.",
				Do:   Execute(Account(RegistrationUpdateTrigger)),
				When: ShortCadence,
			},
			{
				From: Client, To: Server, OnlyFor: Client,
				Text:   "The client updates its registration, within 5 s.",
				Do:     Update(),
				Within: 5 * time.Second,
				When:   ShortCadence,
				Judge: []Criterion{
					{
						ID: "int-104.7 trigger-followed-again", Role: Client, Derived: true,
						Text:         "An Update follows the trigger also where none was due of itself.",
						Requirements: []string{"LWM2M-REG-C-033"},
						Rulings:      []string{"int-104"},
						Check:        GoToItsLocation(),
					},
				},
			},
			{
				From: Client, To: Server, OnlyFor: Server,
				Text: "15 s after the Update, when the first lifetime has run out, the client is still registered.",
				Do:   UpdateAfter(15 * time.Second),
				Judge: []Criterion{
					{
						ID: "int-104.5 still-registered", Role: Server,
						Text:         "The client is still registered after the first lifetime has run out: an Update is answered with 2.04 Changed.",
						Requirements: []string{"LWM2M-REG-S-021"},
						Check:        HaveCode(coap.Changed),
					},
				},
			},
		},
	}
}
