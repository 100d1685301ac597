package profile

import (
	"strconv"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// ForEmbedded is the profile of a reference peer within the process: everything it can, and the values
// its device has.
func ForEmbedded(role string, device lwm2m.Tree) *Profile {
	p := &Profile{
		File: "embedded", Name: "reference " + role, Role: role, Versions: lwm2m.Versions(),
		Security:   []Security{{Mode: "psk"}, {Mode: "nosec"}},
		Tolerances: DefaultTolerances, Timeouts: DefaultTimeouts, Concurrency: 8,
		Values: map[lwm2m.Path]string{}, Capabilities: map[string]State{},
		Control: Control{Embedded: &Embedded{}},
	}
	if role == "client" {
		p.Provision = ByArgs
	}
	for _, t := range embeddedCapabilities {
		p.Capabilities[t] = Yes
	}
	for _, n := range device.Nodes {
		switch v := n.Value; v.Type() {
		case lwm2m.String:
			p.Values[n.Path] = v.Text()
		case lwm2m.Integer:
			p.Values[n.Path] = strconv.FormatInt(v.Int(), 10)
		}
	}
	return p
}

var embeddedCapabilities = []string{
	"bs-client-initiated", "bs-write", "bs-discover", "bs-delete", "bs-read", "cf-text", "cf-link", "cf-opaque", "cf-tlv", "cf-senml-json", "cf-senml-cbor",
	"op-discover", "op-write-attributes", "op-observe", "dtls-psk", "res-1-4", "res-1-8", "res-3-4", "srv-optional", "dev-power",
}
