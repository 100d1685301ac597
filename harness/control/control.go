// Package control is how the harness brings the implementation under test to do something: a closed
// list of verbs, and one implementation per way of reaching an IUT. Exec starts a process and writes
// lines to its stdin; Hooks runs a command or sends an HTTP request per verb; the embedded IUT has one
// of its own. Nothing here knows cases or verdicts.
package control

import (
	"context"
	"errors"

	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Verb is one thing an IUT can be asked to do. The list is closed.
type Verb string

// The verbs. An Operate verb is spelled "operate read", with the kind of the call.
const (
	Start             Verb = "start"
	Stop              Verb = "stop"
	PowerCycle        Verb = "power-cycle"
	Wipe              Verb = "wipe"
	Configure         Verb = "configure"
	TriggerUpdate     Verb = "trigger update"
	TriggerDeregister Verb = "trigger deregister"
	TriggerBootstrap  Verb = "trigger bootstrap"
	TriggerSend       Verb = "trigger send"
	SetValue          Verb = "set-value"
	ListRegistrations Verb = "list-registrations"
	Forget            Verb = "forget"
)

// Operate is the verb that makes a server or bootstrap server send a call of this kind.
func Operate(k peer.Kind) Verb { return Verb("operate " + string(k)) }

// ErrUnsupported says that the profile gives no way to do what was asked.
var ErrUnsupported = errors.New("the profile gives no way to do this")

// Setup is what an IUT needs to know to be started for one play.
type Setup struct {
	Endpoint string // endpoint client name: of the client IUT, or of the client that will come to the server IUT
	Version  lwm2m.Version
	Seed     uint64

	// For a client: the accounts of its configuration. An account with Bootstrap set makes it bootstrap.
	Accounts []peer.Account

	// For a server or bootstrap server: where it has to listen (host:port), which security mode the
	// play uses, and the credentials of the client that will come.
	Listen   string
	Mode     peer.SecurityMode
	Identity []byte
	Key      []byte

	// For a bootstrap server: the account it is to give that client.
	Provision *peer.Account
}

// Request is one verb with what it needs.
type Request struct {
	Verb     Verb
	Endpoint string     // the client a server is asked about
	Call     *peer.Call // of an Operate verb
	Path     lwm2m.Path // of SetValue
	Value    lwm2m.Value
}

// IUT is one implementation under test under control, for one play.
type IUT interface {
	// Start starts the IUT (a fresh life) and returns when it runs, which does not mean that it has
	// registered. The IUT ends with Close at the latest, not with ctx.
	Start(ctx context.Context, s Setup) error
	// Supports says whether Do can carry out the verb.
	Supports(v Verb) bool
	// Do carries out a verb and returns what the IUT or its control answered as text, which is shown
	// and never judged. An Operate call is not awaited to its end here: a server's API usually blocks
	// until the device has answered, and the device may be us, so Do runs beside the exchange. A
	// verb the profile has no way for is ErrUnsupported.
	Do(ctx context.Context, r Request) (string, error)
	// Ended is closed when the IUT ended without being told to; Err then says how.
	Ended() <-chan struct{}
	Err() error
	// Output gives the last lines the IUT wrote, oldest first, bounded.
	Output() []string
	// Close ends the IUT at once and frees everything.
	Close() error
}
