package coap

// The options of signalling messages; a number means something else in each (RFC 8323 section 5).
const (
	MaxMessageSize     OptionNumber = 2 // CSM
	BlockWiseTransfer  OptionNumber = 4 // CSM
	Custody            OptionNumber = 2 // Ping, Pong
	AlternativeAddress OptionNumber = 2 // Release
	HoldOff            OptionNumber = 4 // Release
	BadCSMOption       OptionNumber = 2 // Abort
)

// DefaultMaxMessageSize holds until a CSM says otherwise (RFC 8323 section 5.3.1).
const DefaultMaxMessageSize = 1152

var signalOptions = map[Code]map[OptionNumber]OptionInfo{
	CSM: {
		MaxMessageSize:    {"Max-Message-Size", KindUint, 0, 4, false},
		BlockWiseTransfer: {"Block-Wise-Transfer", KindEmpty, 0, 0, false},
	},
	Ping: {Custody: {"Custody", KindEmpty, 0, 0, false}},
	Pong: {Custody: {"Custody", KindEmpty, 0, 0, false}},
	Release: {
		AlternativeAddress: {"Alternative-Address", KindString, 1, 255, true},
		HoldOff:            {"Hold-Off", KindUint, 0, 3, false},
	},
	Abort: {BadCSMOption: {"Bad-CSM-Option", KindUint, 0, 2, false}},
}

// Capabilities are what the CSM messages of one side have said so far (RFC 8323 section 5.3).
type Capabilities struct {
	MaxMessageSize uint32
	BlockWise      bool
}

// DefaultCapabilities hold before the first CSM.
var DefaultCapabilities = Capabilities{MaxMessageSize: DefaultMaxMessageSize}

// Message is the CSM that states the capabilities; a default is not stated.
func (c Capabilities) Message() Message {
	m := Message{Code: CSM}
	if c.MaxMessageSize != DefaultMaxMessageSize {
		m.AddUint(MaxMessageSize, uint64(c.MaxMessageSize))
	}
	if c.BlockWise {
		m.Add(BlockWiseTransfer, nil)
	}
	return m
}

// Update gives the capabilities after one more CSM of the same side: what it does not mention stays as
// it was (RFC 8323 section 5.3).
func (c Capabilities) Update(csm Message) Capabilities {
	if v, ok := csm.Uint(MaxMessageSize); ok {
		c.MaxMessageSize = uint32(v)
	}
	if _, ok := csm.Get(BlockWiseTransfer); ok {
		c.BlockWise = true
	}
	return c
}

// BERT reports whether blocks may be sent as multiples of 1024 bytes to a side with these capabilities
// (RFC 8323 section 6).
func (c Capabilities) BERT() bool { return c.BlockWise && c.MaxMessageSize > DefaultMaxMessageSize }
