package peer

import (
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/codec"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
)

// Behaviour is what a reference peer does otherwise than its plain self: ways that the specifications
// leave open, and faults on purpose. The zero value is the plain conformant peer. A field is read at
// the one place where the peer acts; a Deviation sets one or a few of them.
type Behaviour struct {
	Exchange exchange.Policy

	// What a conformant peer may choose.

	Formats       []lwm2m.ContentFormat // preferred formats, best first
	Codec         codec.Options
	QuoteLinks    bool          // quotes every attribute value
	RootLink      string        // attributes of </> in Register: "", "ct" or "rt"
	ReverseLinks  bool          // announces and lists in falling order
	ExtraObjects  bool          // has objects and resources that nobody asked for
	ServerID      uint16        // instance id of object 1
	SecurityID    uint16        // instance id of object 0
	RefreshAt     float64       // fraction of the lifetime after which the client refreshes; 0: 0.75
	NotifyCON     bool          // sends Confirmable notifications
	Hesitate      time.Duration // before it does on its own what is due
	LocationDepth int           // further segments of a server's locations
	ObjectWise    bool          // a bootstrap server writes whole objects
	DeleteFirst   bool          // a bootstrap server deletes before it writes
	DiscoverFirst bool          // a bootstrap server discovers before it writes
	ExecuteNON    bool          // a server's Execute is Non-confirmable
	ConstantOnly  bool          // the control of a client cannot change values on it

	// Faults.

	// Answer replaces the code of answers: the key is the operation and where it matters the path,
	// "write /1", "read", "register".
	Answer map[string]coap.Code
	// EditRegister changes the parameters and the object list of Register.
	EditRegister func(query []string, links []linkformat.Link) ([]string, []linkformat.Link)
	// EditUpdate changes the parameters of Update; triggered says that /1/x/8 asked for it.
	EditUpdate func(query []string, triggered bool) []string
	// EditRead changes the values of a Read's answer before they are written down.
	EditRead func(request lwm2m.Path, tree *lwm2m.Tree)
	// EditPayload changes the bytes of a payload; what says which, "read", "discover", "write".
	EditPayload func(what string, p lwm2m.Path, b []byte) []byte
	// EditDiscover changes the answer to a Bootstrap-Discover.
	EditDiscover func([]linkformat.Link) []linkformat.Link
	// EditCall changes what a server sends; nil calls it not at all.
	EditCall func(Call) *Call
	// EditAnswer changes what a server answers to Register, Update and De-register.
	EditAnswer func(operation string, request coap.View, m *coap.Message)
	// AnswerFormat is the Content-Format that answers state, whatever they hold.
	AnswerFormat *lwm2m.ContentFormat

	NoUpdateOnLifetime bool // does not update after a write of /1/x/1
	NoRefresh          bool // lets its registration expire
	NoUpdateOnTrigger  bool // answers /1/x/8 and sends no Update
	NoReregister       bool // does not register again after 4.04
	NoDeregister       bool // answers Disable and sends no De-register
	NotDisabled        bool // comes back at once after Disable
	NoRegister         bool // does not register after bootstrap
	IgnorePmin         bool // notifies every change at once
	IgnorePmax         bool // notifies changes only
	IgnoreAttributes   bool // answers Write-Attributes and attaches nothing
	NoNotifications    bool
	NoObserveOption    bool
	RequestsNON        bool              // a server's requests are Non-confirmable
	OfferOnly          []handshake.Suite // cipher suites of a client
	PlainToo           bool              // sends a plain CoAP message on a secured flow
	SecondRegister     bool              // sends Register twice
	NoLocation         bool              // a server's 2.01 has no Location-Path
	LocationElsewhere  bool              // a server's location is not below /rd
	LoseLocation       bool              // a server does not know the location it gave
	NeverExpires       bool              // a server keeps registrations for ever
	ExpiresEarly       bool              // a server drops registrations after half their lifetime
	KeepsDeregistered  bool              // a server keeps what was de-registered
	ResetNotifications bool              // a server rejects notifications
	NoFinish           bool              // a bootstrap server sends no Finish
	FinishPayload      bool              // a bootstrap server's Finish has a payload
	IgnoreConsistency  bool              // a client answers Finish with 2.04 whatever it has
}
