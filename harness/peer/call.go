// Package peer holds what the reference server, bootstrap server and client have in common: the
// operation as a value, the account a client holds for a server, and the catalogue of deviations by
// which a reference peer misbehaves or differs on demand. The peers themselves are below it; nothing
// here judges.
package peer

import (
	"fmt"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Kind names an LwM2M operation that a server or bootstrap server starts (Core 6.1.7, 6.3, 6.4).
type Kind string

// The operations a Call can hold.
const (
	Read            Kind = "read"
	Discover        Kind = "discover"
	Write           Kind = "write" // Replace
	WriteUpdate     Kind = "write-update"
	WriteAttributes Kind = "write-attributes"
	Execute         Kind = "execute"
	Create          Kind = "create"
	Delete          Kind = "delete"
	Observe         Kind = "observe"
	CancelObserve   Kind = "cancel-observe"

	BootstrapDiscover Kind = "bootstrap-discover"
	BootstrapRead     Kind = "bootstrap-read"
	BootstrapWrite    Kind = "bootstrap-write"
	BootstrapDelete   Kind = "bootstrap-delete"
	BootstrapFinish   Kind = "bootstrap-finish"
)

// Call is one operation as a value: what a server is to send to a client, whoever plays the server.
type Call struct {
	Kind Kind
	Path lwm2m.Path
	// Accept is the format asked for; nil lets the client choose.
	Accept *lwm2m.ContentFormat
	// Format is the format of Values; nil lets whoever sends choose a legal one.
	Format *lwm2m.ContentFormat
	Values lwm2m.Tree
	// Attributes is the query of a Write-Attributes, "pmin=5&pmax=15".
	Attributes string
	// Arguments are those of an Execute, "0='U'"; empty for none.
	Arguments string
}

// String reads the call aloud: "write /1/0/1 = 20".
func (c Call) String() string {
	s := string(c.Kind) + " " + c.Path.String()
	switch {
	case c.Attributes != "":
		s += "?" + c.Attributes
	case c.Arguments != "":
		s += " " + c.Arguments
	case len(c.Values.Nodes) == 1 && c.Values.Nodes[0].Path == c.Path:
		s += " = " + c.Values.Nodes[0].Value.String()
	case len(c.Values.Nodes) > 0:
		var ps []string
		for _, n := range c.Values.Nodes {
			ps = append(ps, n.Path.String())
		}
		s += " with " + strings.Join(ps, ", ")
	}
	if c.Accept != nil {
		s += fmt.Sprintf(" as %s", *c.Accept)
	}
	return s
}

// SecurityMode is the value of /0/x/2 (Core E.1).
type SecurityMode int64

// The security modes the reference peers speak.
const (
	PSK   SecurityMode = 0
	NoSec SecurityMode = 3
)

// Account is what a client holds for one server or bootstrap server: an instance of object 0 and, for
// a server, the one of object 1 with the same Short Server ID.
type Account struct {
	URI            string // coap:// or coaps://, /0/x/0
	Bootstrap      bool   // /0/x/1
	Mode           SecurityMode
	Identity       []byte // PSK identity, /0/x/3
	Key            []byte // PSK, /0/x/5; never printed
	ShortServerID  uint16 // /0/x/10 and /1/y/0; 0 for a bootstrap server
	SecurityID     uint16 // instance id x of object 0
	ServerID       uint16 // instance id y of object 1
	Lifetime       int64  // seconds, /1/y/1
	Binding        string // /1/y/7
	NotifyStoring  bool   // /1/y/6
	DefaultPmin    *int64 // /1/y/2, seconds
	DefaultPmax    *int64 // /1/y/3, seconds
	DisableTimeout *int64 // /1/y/5, seconds
}
