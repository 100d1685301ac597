package profile

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// State is what a profile says of a capability. Unset is neither yes nor no: a selection that needs to
// know ends the run before it starts.
type State uint8

// The three states.
const (
	Unset State = iota
	No
	Yes
)

// UnmarshalYAML reads yes or no (true or false).
func (s *State) UnmarshalYAML(n *yaml.Node) error {
	switch n.Value {
	case "yes", "true":
		*s = Yes
	case "no", "false":
		*s = No
	default:
		return fmt.Errorf("line %d: %q is neither yes nor no", n.Line, n.Value)
	}
	return nil
}

// String is "yes", "no" or "unset".
func (s State) String() string { return [...]string{"unset", "no", "yes"}[s] }

// Capability is one thing an IUT can or cannot do. The tokens are those of the ETS catalogue's
// requires.
type Capability struct {
	Token string
	Text  string // completes "the IUT ..."
}

// Capabilities are all tokens a profile can set, each defined once.
var Capabilities = []Capability{
	{"bs-client-initiated", "supports client-initiated bootstrap"},
	{"bs-write", "supports Bootstrap-Write"},
	{"bs-discover", "supports Bootstrap-Discover"},
	{"bs-delete", "supports Bootstrap-Delete"},
	{"bs-read", "supports Bootstrap-Read"},
	{"bs-pack", "supports Bootstrap-Pack-Request"},
	{"bs-factory", "can be provisioned in the factory"},
	{"bs-smartcard", "can be provisioned from a smartcard"},
	{"bs-two-modes", "supports two bootstrap modes at a time"},
	{"cf-text", "supports plain text (0)"},
	{"cf-link", "supports CoRE link format (40)"},
	{"cf-opaque", "supports opaque (42)"},
	{"cf-cbor", "supports CBOR (60)"},
	{"cf-senml-json", "supports SenML JSON (110)"},
	{"cf-senml-cbor", "supports SenML CBOR (112)"},
	{"cf-tlv", "supports TLV (11542)"},
	{"cf-lwm2m-json", "supports the JSON of LwM2M 1.0 (11543)"},
	{"op-discover", "supports Discover"},
	{"op-discover-depth", "supports the depth parameter of Discover"},
	{"op-write-attributes", "supports Write-Attributes"},
	{"op-observe", "supports Observe"},
	{"op-create", "supports Create"},
	{"op-delete", "supports Delete"},
	{"op-send", "supports Send"},
	{"op-read-resource-instance", "supports Read on a resource instance"},
	{"op-write-resource-instance", "supports Write on a resource instance"},
	{"op-read-composite", "supports Read-Composite"},
	{"op-write-composite", "supports Write-Composite"},
	{"op-observe-composite", "supports Observe-Composite"},
	{"observe-params", "supports attributes in the Observe request"},
	{"attr-epmin-epmax", "supports the attributes epmin and epmax"},
	{"blockwise", "supports block-wise transfer"},
	{"queue-mode", "supports queue mode"},
	{"profile-id", "supports Profile IDs"},
	{"multi-server", "supports several servers at a time"},
	{"dtls-psk", "supports DTLS with pre-shared keys"},
	{"dtls-x509", "supports DTLS with certificates"},
	{"tls-psk", "supports TLS with pre-shared keys"},
	{"tls-x509", "supports TLS with certificates"},
	{"coap-tcp", "supports CoAP over TCP"},
	{"oscore", "supports OSCORE"},
	{"cose", "supports COSE"},
	{"mqtt", "supports the MQTT binding"},
	{"est", "supports EST"},
	{"fw-push", "supports firmware push"},
	{"fw-pull", "supports firmware pull"},
	{"two-bearers", "has two bearers"},
	{"res-1-4", "has Disable (/1/x/4)"},
	{"res-1-8", "has Registration Update Trigger (/1/x/8)"},
	{"res-1-9", "has Bootstrap-Request Trigger (/1/x/9)"},
	{"res-1-23", "has Mute Send (/1/x/23)"},
	{"res-3-4", "has Reboot (/3/0/4)"},
	{"srv-optional", "has the optional resources /1/x/2, /1/x/3 and /1/x/5"},
	{"dev-power", "has the power resources /3/0/6 to /3/0/9"},
	{"dev-optional", "has the optional resources /3/0/10 to /3/0/22"},
	{"obj-2", "has object 2 Access Control"},
	{"obj-4", "has object 4 Connectivity Monitoring"},
	{"obj-5", "has object 5 Firmware Update"},
	{"obj-6", "has object 6 Location"},
	{"obj-7", "has object 7 Connectivity Statistics"},
	{"obj-10", "has object 10 Cellular Connectivity"},
	{"obj-10-v1.1", "has object 10 in version 1.1"},
	{"obj-11", "has object 11 APN Connection Profile"},
	{"obj-12", "has object 12 WLAN Connectivity"},
	{"obj-13", "has object 13 Bearer Selection"},
	{"obj-16", "has object 16 Portfolio"},
	{"obj-19", "has object 19 BinaryAppDataContainer"},
	{"obj-20", "has object 20 Event Log"},
	{"obj-21", "has object 21 OSCORE"},
	{"obj-23", "has object 23 COSE"},
	{"obj-24", "has object 24 MQTT Server"},
	{"env-dns", "is in an environment whose DNS the operator controls"},
	{"env-download-server", "is in an environment with a download server"},
}

// CapabilityText is the sentence that defines a token.
func CapabilityText(token string) (string, bool) {
	for _, c := range Capabilities {
		if c.Token == token {
			return c.Text, true
		}
	}
	return "", false
}
