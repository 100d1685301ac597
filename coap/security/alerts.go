package security

import "fmt"

// Alerts are the names of RFC 5246 section 7.2 and its extensions.
var alerts = map[byte]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol",
}

// AlertName is the registered name with the number.
func AlertName(code byte) string {
	if n, ok := alerts[code]; ok {
		return fmt.Sprintf("%s (%d)", n, code)
	}
	return fmt.Sprintf("alert %d", code)
}

var suiteNames = map[uint16]string{
	0xc0a8: "TLS_PSK_WITH_AES_128_CCM_8", 0x00ae: "TLS_PSK_WITH_AES_128_CBC_SHA256", 0x00a8: "TLS_PSK_WITH_AES_128_GCM_SHA256",
	0xc0ae: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", 0xc023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
	0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc037: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256",
	0xc0a9: "TLS_PSK_WITH_AES_256_CCM_8", 0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
}

// SuiteName is the IANA name with the number in hex.
func SuiteName(id uint16) string {
	if n, ok := suiteNames[id]; ok {
		return fmt.Sprintf("%s (0x%04X)", n, id)
	}
	return fmt.Sprintf("0x%04X", id)
}
