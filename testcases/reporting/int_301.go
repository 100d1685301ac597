package reporting

import (
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int301: a client notifies what a server observes, within the periods set. ETS 6.4.1.
func Int301() Case {
	voltage := Period{Target: At("/3/0/7"), Pmin: 5 * time.Second, Pmax: 15 * time.Second}
	current := Period{Target: At("/3/0/8"), Pmin: 10 * time.Second, Pmax: 20 * time.Second}
	return Case{
		ID:      "LightweightM2M-1.1-int-301",
		Title:   "Observe and notify",
		Section: "6.4.1",
		Group:   "information-reporting",
		Since:   lwm2m.V1_0,
		Needs:   map[Role][]string{Client: {"op-observe", "op-write-attributes", "dev-power"}},
		Config:  C4,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client,
				Text: "The server reads the Available Power Sources.",
				Do:   Read(At("/3/0/6")),
				Judge: []Criterion{
					{
						ID: "int-301.3 power-sources-read", Role: Client, Derived: true,
						Text:         "The client answers the Read with 2.05 Content.",
						Requirements: []string{"LWM2M-DM-C-001"},
						Rulings:      []string{"int-301"},
						Check:        And(HaveCode(coap.Content), HaveLegalFormat(), BeWellFormed()),
					},
					{
						ID: "int-301.8 reads-power-sources", Role: Server, Derived: true,
						Text:         "The server reads the resource.",
						Requirements: []string{"LWM2M-DM-S-001"},
						Rulings:      []string{"R-1"},
						Check:        BeConfirmable(),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server sets pmin 5 s and pmax 15 s on the voltage.",
				Do:   WriteAttributes(At("/3/0/7"), "pmin=5&pmax=15"),
				Judge: []Criterion{
					{
						ID: "int-301.4 voltage-attributes-accepted", Role: Client, Derived: true,
						Text:         "The client answers the Write-Attributes with 2.04 Changed.",
						Requirements: []string{"LWM2M-DM-C-039"},
						Rulings:      []string{"int-301"},
						Check:        HaveCode(coap.Changed),
					},
					{
						ID: "int-301.9 sets-voltage-attributes", Role: Server, Derived: true,
						Text:         "The server sends the attributes as query and no payload.",
						Requirements: []string{"LWM2M-DM-S-006", "LWM2M-DM-S-007"},
						Rulings:      []string{"R-1"},
						Check:        And(HaveAttributes("pmin=5", "pmax=15"), CarryNoPayload()),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server sets pmin 10 s and pmax 20 s on the current.",
				Do:   WriteAttributes(At("/3/0/8"), "pmin=10&pmax=20"),
				Judge: []Criterion{
					{
						ID: "int-301.5 current-attributes-accepted", Role: Client, Derived: true,
						Text:         "The client answers the Write-Attributes with 2.04 Changed.",
						Requirements: []string{"LWM2M-DM-C-039"},
						Rulings:      []string{"int-301"},
						Check:        HaveCode(coap.Changed),
					},
					{
						ID: "int-301.10 sets-current-attributes", Role: Server, Derived: true,
						Text:         "The server sends the attributes as query and no payload.",
						Requirements: []string{"LWM2M-DM-S-006", "LWM2M-DM-S-007"},
						Rulings:      []string{"R-1", "ERR-046"},
						Check:        And(HaveAttributes("pmin=10", "pmax=20"), CarryNoPayload()),
					},
				},
			},
			{
				From: Server, To: Client, OnlyFor: Client,
				Text: "Where values cannot be changed on the device, the server discovers its attributes.",
				Do:   Discover(At("/3/0")),
				When: WithoutSetValue,
				Judge: []Criterion{
					{
						ID: "int-301.13 attributes-listed", Role: Client, Derived: true,
						Text:         "Discover shows pmin and pmax as they were written.",
						Requirements: []string{"LWM2M-DM-C-018"},
						Rulings:      []string{"int-301"},
						Check:        And(HaveCode(coap.Content), ListAttributes(At("/3/0/7"), map[string]string{"pmin": "5", "pmax": "15"}), ListAttributes(At("/3/0/8"), map[string]string{"pmin": "10", "pmax": "20"})),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server observes the voltage.",
				Do:   Observe(At("/3/0/7")),
				Judge: []Criterion{
					{
						ID: "int-301.6 voltage-observed", Role: Client, Derived: true,
						Text:         "The client answers with 2.05 Content and the Observe option.",
						Requirements: []string{"LWM2M-OBS-C-001", "LWM2M-OBSV-C-001"},
						Rulings:      []string{"int-301"},
						Check:        And(HaveCode(coap.Content), CarryObserve(), BeWellFormed()),
					},
					{
						ID: "int-301.11 observes-voltage", Role: Server, Derived: true,
						Text:         "The server observes the resource.",
						Requirements: []string{"LWM2M-OBS-S-001"},
						Rulings:      []string{"R-1"},
						Check:        BeConfirmable(),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server observes the current.",
				Do:   Observe(At("/3/0/8")),
				Judge: []Criterion{
					{
						ID: "int-301.7 current-observed", Role: Client, Derived: true,
						Text:         "The client answers with 2.05 Content and the Observe option.",
						Requirements: []string{"LWM2M-OBS-C-001", "LWM2M-OBSV-C-001"},
						Rulings:      []string{"int-301"},
						Check:        And(HaveCode(coap.Content), CarryObserve(), BeWellFormed()),
					},
					{
						ID: "int-301.12 observes-current", Role: Server, Derived: true,
						Text:         "The server observes the resource.",
						Requirements: []string{"LWM2M-OBS-S-001"},
						Rulings:      []string{"R-1"},
						Check:        BeConfirmable(),
					},
				},
			},
			{
				From: Client, To: Server,
				Text: "The client notifies both, the voltage every 5 to 15 s, the current every 10 to 20 s.",
				Do:   Notifications(voltage, current),
				Judge: []Criterion{
					{
						ID: "int-301.1 notified-within-periods", Role: Client,
						Text:         "Voltage and current arrive within their periods.",
						Requirements: []string{"LWM2M-ATT-C-008", "LWM2M-ATT-C-009", "LWM2M-ATT-C-010", "LWM2M-OBS-C-002"},
						Rulings:      []string{"R-5", "int-301"},
						Check:        And(NotifyWithin(voltage), NotifyWithin(current)),
					},
					{
						ID: "int-301.2 notifications-received", Role: Server,
						Text:         "The server receives the values and rejects none.",
						Requirements: []string{"LWM2M-OBS-S-002"},
						Check:        NotificationsAccepted(voltage, current),
					},
				},
			},
		},
	}
}
