package harness

import (
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
)

// Configuration is one of the ETS's initial configurations of a client (ETS appendix C).
type Configuration string

// The configurations of the cases there are.
const (
	C1  Configuration = "C.1"  // Basic: one server account with PSK
	C3  Configuration = "C.3"  // C.1 with the optional resources of the Server object
	C4  Configuration = "C.4"  // C.3 with the power resources of the Device object
	C13 Configuration = "C.13" // a bootstrap-server account, no Server object instance
	C14 Configuration = "C.14" // two servers and access control
)

// lifetimeOfC is /1/x/1 of every configuration, in seconds.
const lifetimeOfC = 86400

// shortServerID is /0/x/10 of the server account in every configuration.
const shortServerID = 1

// serverAccount is the account the configuration gives the client at our server; for C.13 it is the
// one that bootstrap brings (C.1).
func (c Configuration) serverAccount(uri string, mode peer.SecurityMode, identity, key []byte) peer.Account {
	a := peer.Account{
		URI: uri, Mode: mode, Identity: identity, Key: key, ShortServerID: shortServerID,
		SecurityID: 0, ServerID: 0, Lifetime: lifetimeOfC, Binding: "U",
	}
	if c == C3 || c == C4 || c == C14 {
		pmin, pmax, timeout := int64(1), int64(10), int64(86400)
		a.DefaultPmin, a.DefaultPmax, a.DisableTimeout = &pmin, &pmax, &timeout
	}
	return a
}

// bootstrapAccount is the bootstrap-server account of C.13: Security instance 1, so that instance 0
// stays free for the server.
func bootstrapAccount(uri string, mode peer.SecurityMode, identity, key []byte) peer.Account {
	return peer.Account{URI: uri, Bootstrap: true, Mode: mode, Identity: identity, Key: key, SecurityID: 1}
}

// bootstraps reports whether the client starts without a server account.
func (c Configuration) bootstraps() bool { return c == C13 }
