package devicemanagement

import (
	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int203: a client gives its device data as TLV. ETS 6.3.3.
func Int203() Case {
	return Case{
		ID:      "LightweightM2M-1.1-int-203",
		Title:   "Read basic device data, TLV",
		Section: "6.3.3",
		Group:   "device-management",
		Since:   lwm2m.V1_0,
		Needs:   map[Role][]string{Client: {"cf-tlv"}},
		Values:  []string{"/3/0/0", "/3/0/1", "/3/0/2", "/3/0/3"},
		Config:  C1,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client,
				Text: "The server reads the Device instance as TLV.",
				Do:   Read(At("/3/0")).As(lwm2m.FormatTLV),
				Judge: []Criterion{
					{
						ID: "int-203.1 values-as-tlv", Role: Client,
						Text:         "The TLV payload holds resources 0, 1, 2, 3, 11 and 16 with the configured values.",
						Requirements: []string{"LWM2M-DM-C-001", "LWM2M-DM-C-012", "LWM2M-FMT-C-016", "LWM2M-FMT-C-017", "LWM2M-FMT-C-019", "LWM2M-OBJ-C-003"},
						Rulings:      []string{"R-3", "int-201, 203, 222", "ERR-034"},
						Check: And(
							HaveCode(coap.Content), HaveFormat(lwm2m.FormatTLV), BeWellFormed(),
							HaveValue(At("/3/0/0"), FromProfile), HaveValue(At("/3/0/1"), FromProfile), HaveValue(At("/3/0/2"), FromProfile), HaveValue(At("/3/0/3"), FromProfile),
							HaveValue(At("/3/0/11/0"), FromProfileOr(0)), HaveValue(At("/3/0/16"), FromProfileOr("U")),
						),
					},
				},
			},
		},
	}
}
