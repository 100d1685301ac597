package devicemanagement

import (
	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int201: a client gives single resources as plain text. ETS 6.3.1.
func Int201() Case {
	return Case{
		ID:      "LightweightM2M-1.1-int-201",
		Title:   "Read basic device data, plain text",
		Section: "6.3.1",
		Group:   "device-management",
		Since:   lwm2m.V1_0,
		Needs:   map[Role][]string{Client: {"cf-text"}},
		Values:  []string{"/3/0/0", "/3/0/1", "/3/0/2"},
		Config:  C1,
		Given:   Registered,
		Steps: []Step{
			{
				From: Server, To: Client,
				Text: "The server reads the Manufacturer as plain text.",
				Do:   Read(At("/3/0/0")).As(lwm2m.FormatText),
				Judge: []Criterion{
					{
						ID: "int-201.1 value-as-text", Role: Client,
						Text:         "Each read returns the configured value as plain text with 2.05 Content.",
						Requirements: []string{"LWM2M-DM-C-001", "LWM2M-DM-C-012", "LWM2M-FMT-C-005"},
						Rulings:      []string{"R-3"},
						Check:        And(HaveCode(coap.Content), HaveFormat(lwm2m.FormatText), BeWellFormed(), HaveValue(At("/3/0/0"), FromProfile)),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server reads the Model Number as plain text.",
				Do:   Read(At("/3/0/1")).As(lwm2m.FormatText),
				Judge: []Criterion{
					{
						ID: "int-201.1 value-as-text", Role: Client,
						Text:         "Each read returns the configured value as plain text with 2.05 Content.",
						Requirements: []string{"LWM2M-DM-C-001", "LWM2M-DM-C-012", "LWM2M-FMT-C-005"},
						Rulings:      []string{"R-3"},
						Check:        And(HaveCode(coap.Content), HaveFormat(lwm2m.FormatText), BeWellFormed(), HaveValue(At("/3/0/1"), FromProfile)),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server reads the Serial Number as plain text.",
				Do:   Read(At("/3/0/2")).As(lwm2m.FormatText),
				Judge: []Criterion{
					{
						ID: "int-201.1 value-as-text", Role: Client,
						Text:         "Each read returns the configured value as plain text with 2.05 Content.",
						Requirements: []string{"LWM2M-DM-C-001", "LWM2M-DM-C-012", "LWM2M-FMT-C-005"},
						Rulings:      []string{"R-3"},
						Check:        And(HaveCode(coap.Content), HaveFormat(lwm2m.FormatText), BeWellFormed(), HaveValue(At("/3/0/2"), FromProfile)),
					},
				},
			},
		},
	}
}
