package devicemanagement

import (
	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int222: a client gives whole objects. ETS 6.3.12.
func Int222() Case {
	return Case{
		ID:      "LightweightM2M-1.1-int-222",
		Title:   "Read on Object",
		Section: "6.3.12",
		Group:   "device-management",
		Since:   lwm2m.V1_0,
		Config:  C1,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client,
				Text: "The server reads the Server object.",
				Do:   Read(At("/1")),
				Judge: []Criterion{
					{
						ID: "int-222.1 server-object", Role: Client,
						Text:         "The client returns the /1 instance of the account with all its readable resources.",
						Requirements: []string{"LWM2M-DM-C-001", "LWM2M-DM-C-005", "LWM2M-VER-C-002"},
						Rulings:      []string{"int-201, 203, 222"},
						Check:        And(HaveCode(coap.Content), HaveLegalFormat(), BeWellFormed(), HoldReadable(AccountInstance(), 0, 1, 6, 7)),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server reads the Device object.",
				Do:   Read(At("/3")),
				Judge: []Criterion{
					{
						ID: "int-222.2 device-object", Role: Client,
						Text:         "The client returns the single instance /3/0 with all its readable resources.",
						Requirements: []string{"LWM2M-DM-C-001", "LWM2M-DM-C-005", "LWM2M-VER-C-002"},
						Rulings:      []string{"int-201, 203, 222"},
						Check:        And(HaveCode(coap.Content), HaveLegalFormat(), BeWellFormed(), HoldReadable(At("/3/0"), 0, 1, 2, 3, 11, 16), HoldOnlyInstance(At("/3/0"))),
					},
				},
			},
		},
	}
}
