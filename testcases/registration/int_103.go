package registration

import (
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int103: a client that is disabled leaves and keeps away. ETS 6.2.3.
func Int103() Case {
	return Case{
		ID:      "LightweightM2M-1.1-int-103",
		Title:   "Deregistration",
		Section: "6.2.3",
		Group:   "registration",
		Since:   lwm2m.V1_0,
		Needs:   map[Role][]string{Client: {"res-1-4"}},
		Config:  C3,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client, OnlyFor: Client,
				Text:     "The server sets the Disable Timeout to 10 s, where the client has it.",
				Do:       Write(Account(DisableTimeout), 10),
				When:     Has("srv-optional"),
				Optional: true,
			},
			{
				From: Server, To: Client,
				Text: "The server executes Disable.",
				Do:   Execute(Account(Disable)),
				Judge: []Criterion{
					{
						ID: "int-103.1 disable-accepted", Role: Client,
						Text:         "The client answers the Execute with 2.04 Changed.",
						Requirements: []string{"LWM2M-DM-C-048"},
						Check:        HaveCode(coap.Changed),
					},
					{
						ID: "int-103.6 disable-executed", Role: Server, Derived: true,
						Text:         "The server executes the Disable resource of its account.",
						Requirements: []string{"LWM2M-DM-S-009"},
						Rulings:      []string{"R-1"},
						Check:        ExecuteProperly(),
					},
				},
			},
			{
				From: Client, To: Server,
				Text: "The client de-registers.",
				Do:   Deregister(),
				Judge: []Criterion{
					{
						ID: "int-103.2 deregister-accepted", Role: Server,
						Text:         "The server answers De-register with 2.02 Deleted.",
						Requirements: []string{"LWM2M-REG-S-023"},
						Check:        HaveCode(coap.Deleted),
					},
					{
						ID: "int-103.4 client-deregisters", Role: Client, Derived: true,
						Text:         "A De-register on its own location follows.",
						Requirements: []string{"LWM2M-REG-C-035"},
						Rulings:      []string{"int-103, client"},
						Check:        GoToItsLocation(),
					},
				},
			},
			{
				From: Client, To: Server, OnlyFor: Client,
				Text: "The client is silent for the Disable Timeout of 10 s, of which 9 s are watched.",
				Do:   Silence(9 * time.Second),
				Judge: []Criterion{
					{
						ID: "int-103.5 client-silent", Role: Client, Derived: true,
						Text:         "Nothing new goes to this server during the Disable Timeout.",
						Requirements: []string{"LWM2M-REG-C-035"},
						Rulings:      []string{"int-103, client"},
						Check:        BeSilent(),
					},
				},
			},
			{
				From: Client, To: Server, OnlyFor: Server,
				Text: "A later Update finds no registration.",
				Do:   StaleUpdate(),
				Judge: []Criterion{
					{
						ID: "int-103.3 registration-gone", Role: Server,
						Text:         "The client is gone from the registration store: an Update of the old location is answered with 4.04 Not Found.",
						Requirements: []string{"LWM2M-REG-S-023", "LWM2M-REG-S-020"},
						Rulings:      []string{"int-103, server"},
						Check:        HaveCode(coap.NotFound),
					},
				},
			},
		},
	}
}
