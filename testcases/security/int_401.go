package security

import (
	"github.com/lwm2mspec/lwm2mspec/coap"
	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Int401: client and server speak DTLS with a pre-shared key. ETS 6.5.1.
func Int401() Case {
	return Case{
		ID:       "LightweightM2M-1.1-int-401",
		Title:    "DTLS with pre-shared key over UDP",
		Section:  "6.5.1",
		Group:    "security",
		Since:    lwm2m.V1_0,
		Security: []Security{PSK},
		Needs:    map[Role][]string{Client: {"dtls-psk", "cf-tlv"}},
		Values:   []string{"/3/0/0", "/3/0/1", "/3/0/2", "/3/0/3"},
		Config:   C1,
		Steps: []Step{
			{
				From: Client, To: Server,
				Text: "The client completes a DTLS handshake with its pre-shared key and registers.",
				Do:   Register(),
				Judge: []Criterion{
					{
						ID: "int-401.1 registers-over-dtls", Role: Client,
						Text:         "Register goes through over DTLS.",
						Requirements: []string{"LWM2M-SEC-C-001", "LWM2M-SEC-C-002", "LWM2M-SEC-C-010"},
						Check:        And(BeSecured(), HaveCode(coap.Created)),
					},
					{
						ID: "int-401.4 mandatory-suite-offered", Role: Client, Derived: true,
						Text:         "The client offers TLS_PSK_WITH_AES_128_CCM_8.",
						Requirements: []string{"LWM2M-SEC-C-007"},
						Rulings:      []string{"int-401"},
						Since:        lwm2m.V1_1,
						Check:        OfferSuite(0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8"),
					},
					{
						ID: "int-401.2 register-accepted-over-dtls", Role: Server,
						Text:         "The server answers Register over DTLS with 2.01 Created.",
						Requirements: []string{"LWM2M-SEC-S-001", "LWM2M-SEC-S-002"},
						Check:        And(BeSecured(), HaveCode(coap.Created)),
					},
				},
			},
			{
				From: Server, To: Client,
				Text: "The server reads the Device instance as TLV, as in int-203.",
				Do:   Read(At("/3/0")).As(lwm2m.FormatTLV),
				Judge: []Criterion{
					{
						ID: "int-401.3 values-over-dtls", Role: Client,
						Text:         "The Read is answered over DTLS with 2.05 Content and the values of int-203.",
						Requirements: []string{"LWM2M-SEC-C-002", "LWM2M-DM-C-001"},
						Rulings:      []string{"R-3", "int-401"},
						Check: And(
							BeSecured(), HaveCode(coap.Content), HaveFormat(lwm2m.FormatTLV), BeWellFormed(),
							HaveValue(At("/3/0/0"), FromProfile), HaveValue(At("/3/0/1"), FromProfile), HaveValue(At("/3/0/2"), FromProfile), HaveValue(At("/3/0/3"), FromProfile),
							HaveValue(At("/3/0/11/0"), FromProfileOr(0)), HaveValue(At("/3/0/16"), FromProfileOr("U")),
						),
					},
					{
						ID: "int-401.5 nothing-in-plain", Role: Client, Derived: true,
						Text:         "No CoAP message of the client goes around DTLS.",
						Requirements: []string{"LWM2M-SEC-C-002"},
						Rulings:      []string{"int-401"},
						Check:        NeverBePlain(),
					},
					{
						ID: "int-401.6 reads-over-dtls", Role: Server, Derived: true,
						Text:         "The server reads the Device instance as TLV over DTLS.",
						Requirements: []string{"LWM2M-DM-S-001", "LWM2M-SEC-S-002"},
						Rulings:      []string{"R-1"},
						Check:        And(BeSecured(), BeConfirmable(), AskFor(lwm2m.FormatTLV)),
					},
				},
			},
		},
	}
}
