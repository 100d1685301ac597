package coap

// The rules a single message can break, as they stand in Finding.Rule. The comment behind each gives
// the section and, where there is one, the number of the passive check (COAP-nn, BLK-nn, TCP-nn) that
// rests on it.
const (
	RuleHeader       = "coap.header"               // RFC 7252 section 3: four bytes of header
	RuleVersion      = "coap.version"              // COAP-01, RFC 7252 section 3
	RuleTokenLength  = "coap.token-length"         // COAP-02, TCP-02, RFC 7252 section 3
	RuleTokenCut     = "coap.token-cut"            // COAP-02, RFC 7252 section 3
	RuleOptionNibble = "coap.option-nibble"        // COAP-03, RFC 7252 section 3.1
	RuleOptionCut    = "coap.option-cut"           // COAP-03, RFC 7252 section 3.1
	RuleOptionNumber = "coap.option-number"        // COAP-03, RFC 7252 section 12.2: 16 bits
	RuleMarker       = "coap.payload-marker"       // COAP-04, RFC 7252 section 3
	RuleEmptyContent = "coap.empty-content"        // COAP-05, RFC 7252 section 4.1
	RuleEmptyType    = "coap.empty-type"           // COAP-05, RFC 7252 section 4.3
	RuleResetContent = "coap.reset-content"        // COAP-06, RFC 7252 section 4.2
	RuleACKCode      = "coap.acknowledgement-code" // COAP-06, COAP-26, RFC 7252 section 4.2
	RuleCodeClass    = "coap.code-class"           // COAP-22, RFC 7252 sections 3 and 12.1, RFC 8323 section 5

	RuleOptionReserved = "coap.option-reserved" // RFC 7252 section 12.2: numbers never to be assigned
	RuleOptionLength   = "coap.option-length"   // COAP-18, RFC 7252 section 5.4.3
	RuleOptionRepeated = "coap.option-repeated" // COAP-19, RFC 7252 section 5.4.5
	RuleOptionUint     = "coap.option-uint"     // COAP-21, RFC 7252 section 3.2
	RuleOptionText     = "coap.option-text"     // RFC 7252 section 3.2: strings are UTF-8
	RulePathDots       = "coap.path-dots"       // COAP-27, RFC 7252 section 5.10.1
	RuleBlockSize      = "coap.block-size"      // BLK-01, RFC 7959 section 2.2
	RuleSize           = "coap.size"            // COAP-24, RFC 7252 section 4.6

	RuleFrameLength = "coap.frame-length" // TCP-02, RFC 8323 section 3.2
)

// The levels of a Finding.
const (
	LevelMust   = "MUST"
	LevelShould = "SHOULD"
)

// rejected are the rules whose breach makes a receiver reject the message.
var rejected = map[string]bool{
	RuleHeader: true, RuleVersion: true, RuleTokenLength: true, RuleTokenCut: true, RuleOptionNibble: true, RuleOptionCut: true,
	RuleOptionNumber: true, RuleMarker: true, RuleEmptyContent: true, RuleEmptyType: true, RuleResetContent: true, RuleACKCode: true,
	RuleCodeClass: true, RuleFrameLength: true,
}

// Malformed reports whether a receiver has to reject the message, because its format is broken or its
// code is of a reserved class (RFC 7252 section 4.2): by a Reset when it is Confirmable and of version
// 1, by silence otherwise. Over TCP the connection is aborted (RFC 8323 section 5.6).
func (v View) Malformed() bool {
	for _, f := range v.Findings {
		if rejected[f.Rule] {
			return true
		}
	}
	return false
}

// Has reports whether the message breaks the rule.
func (v View) Has(rule string) bool {
	for _, f := range v.Findings {
		if f.Rule == rule {
			return true
		}
	}
	return false
}
