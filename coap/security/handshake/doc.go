// Package handshake reads DTLS handshakes from the outside, without keys: what each record is, what the
// two sides offered and chose, and what a handshake that did not complete died of, which the libraries
// do not tell. It takes raw datagrams in the order they passed, bears anything a peer may send, sends
// nothing and judges nothing.
package handshake

import (
	"encoding/binary"
	"fmt"
)

// Content types of DTLS records (RFC 6347 section 4.1, RFC 9146 section 4).
const (
	contentChangeCipherSpec = 20
	contentAlert            = 21
	contentHandshake        = 22
	contentApplicationData  = 23
	contentHeartbeat        = 24
	contentCID              = 25
)

const (
	recordHeader  = 13
	messageHeader = 12
)

// IsRecord reports whether a datagram begins like a DTLS record of version 1.0 to 1.2. CoAP never does:
// its first byte is 0x40 to 0x7f.
func IsRecord(b []byte) bool {
	return len(b) >= recordHeader && b[0] >= contentChangeCipherSpec && b[0] <= contentCID && b[1] == 0xfe && b[2] >= 0xfc
}

// Suite is a cipher suite by its IANA number.
type Suite uint16

// The suites of LwM2M's PSK mode (LwM2M Transport 5.2.9.1).
const (
	PSKWithAES128CCM8   Suite = 0xc0a8
	PSKWithAES128CBC256 Suite = 0x00ae
)

var suites = map[Suite]string{
	0x008c: "TLS_PSK_WITH_AES_128_CBC_SHA", 0x00a8: "TLS_PSK_WITH_AES_128_GCM_SHA256", PSKWithAES128CBC256: "TLS_PSK_WITH_AES_128_CBC_SHA256",
	0x008d: "TLS_PSK_WITH_AES_256_CBC_SHA", 0x00a9: "TLS_PSK_WITH_AES_256_GCM_SHA384", 0x00af: "TLS_PSK_WITH_AES_256_CBC_SHA384",
	0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
	0x1303: "TLS_CHACHA20_POLY1305_SHA256", 0x1304: "TLS_AES_128_CCM_SHA256", 0x1305: "TLS_AES_128_CCM_8_SHA256",
	0x5600: "TLS_FALLBACK_SCSV",
	0xc009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc00a: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
	0xc023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	0xc02c: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc037: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256",
	0xc0a4: "TLS_PSK_WITH_AES_128_CCM", 0xc0a5: "TLS_PSK_WITH_AES_256_CCM",
	PSKWithAES128CCM8: "TLS_PSK_WITH_AES_128_CCM_8", 0xc0a9: "TLS_PSK_WITH_AES_256_CCM_8",
	0xc024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", 0xc0ad: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", 0xc0af: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
	0xcca9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xccab: "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256",
	0xccac: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
	0xc0ac: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", 0xc0ae: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
	0xd005: "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256", 0xd003: "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256",
}

// String is the IANA name with the number.
func (s Suite) String() string {
	if n, ok := suites[s]; ok {
		return fmt.Sprintf("%s (0x%04X)", n, uint16(s))
	}
	return fmt.Sprintf("0x%04X", uint16(s))
}

// Alert is the description of an alert.
type Alert uint8

// UnknownPSKIdentity is what a server says of a PSK identity it has no key for (RFC 4279 section 2).
const UnknownPSKIdentity Alert = 115

// The names of RFC 5246 section 7.2 and of the extensions registered since; 86 is RFC 7507's, whatever
// LwM2M Transport's table of alerts calls it.
var alerts = map[Alert]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	52: "too_many_cids_requested", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
	109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", UnknownPSKIdentity: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
}

// String is the registered name with the number.
func (a Alert) String() string {
	if n, ok := alerts[a]; ok {
		return fmt.Sprintf("%s (%d)", n, uint8(a))
	}
	return fmt.Sprintf("alert %d", uint8(a))
}

var extensions = map[uint16]string{
	0: "server_name", 1: "max_fragment_length", 10: "supported_groups", 11: "ec_point_formats", 13: "signature_algorithms",
	16: "application_layer_protocol_negotiation", 19: "client_certificate_type", 20: "server_certificate_type",
	22: "encrypt_then_mac", 23: "extended_master_secret", 28: "record_size_limit", 35: "session_ticket", 41: "pre_shared_key",
	43: "supported_versions", 44: "cookie", 45: "psk_key_exchange_modes", 51: "key_share", 53: "connection_id (draft)",
	54: "connection_id", 61: "return_routability_check", 0xff01: "renegotiation_info",
}

func extensionName(id uint16) string {
	if n, ok := extensions[id]; ok {
		return n
	}
	return fmt.Sprintf("extension %d", id)
}

func versionName(v uint16) string {
	switch v {
	case 0xfeff:
		return "DTLS 1.0"
	case 0xfefd:
		return "DTLS 1.2"
	case 0xfefc:
		return "DTLS 1.3"
	}
	return fmt.Sprintf("version 0x%04X", v)
}

// reader takes fields off the front of a message; once something is missing it gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return make([]byte, min(n, 2)) // enough for the numbers below
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) uint8() int  { return int(r.take(1)[0]) }
func (r *reader) uint16() int { return int(binary.BigEndian.Uint16(r.take(2))) }
func (r *reader) uint24() int { return r.uint8()<<16 | r.uint16() }

// vector takes n bytes, nil when they are not there.
func (r *reader) vector(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	return r.take(n)
}
