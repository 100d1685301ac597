package handshake

import "fmt"

// Cause is what a handshake died of.
type Cause string

// The causes. Complete: both sides sent their Finished, so that nothing is wrong as far as can be seen
// without keys.
const (
	Complete        Cause = "complete"
	NoClientHello   Cause = "no ClientHello"
	NoCommonSuite   Cause = "no common cipher suite"
	NoCommonVersion Cause = "no common version"
	UnknownIdentity Cause = "unknown PSK identity"
	KeyMismatch     Cause = "key mismatch"
	FatalAlert      Cause = "fatal alert"
	NoCookie        Cause = "cookie not returned"
	Silence         Cause = "silence"
)

// Cause is Diagnosis as a constant.
func (h Handshake) Cause() Cause { c, _ := h.diagnose(); return c }

// Diagnosis says in one sentence what a handshake that did not complete died of.
func (h Handshake) Diagnosis() string { _, s := h.diagnose(); return s }

func (h Handshake) diagnose() (Cause, string) {
	switch {
	case h.FatalAlert:
		return h.alerted()
	case h.ClientHellos == 0:
		return NoClientHello, h.noHello()
	case h.Client.Changed && h.Server.Changed && h.Client.Finished > 0 && h.Server.Finished > 0:
		return Complete, "both sides sent their Finished"
	case h.Client.Changed && h.Client.Finished > 0 && !h.Server.Changed:
		return KeyMismatch, fmt.Sprintf("the keys do not match: the client%s sent ChangeCipherSpec and its Finished (%s), and the server never accepted it",
			h.named(), times(h.Client.Finished))
	case h.HelloVerify && len(h.Hello.Cookie) == 0:
		return NoCookie, fmt.Sprintf("the client never returned the cookie of the HelloVerifyRequest; its ClientHello came %s", times(h.ClientHellos))
	case h.Server.Last == "":
		return Silence, fmt.Sprintf("silence after the ClientHello, which came %s: nothing came from the server", times(h.ClientHellos))
	}
	return Silence, fmt.Sprintf("silence: the last message of the client%s was %s, that of the server %s", h.named(), h.Client.Last, h.Server.Last)
}

func (h Handshake) alerted() (Cause, string) {
	server := h.AlertOf == "server"
	switch a := h.FirstAlert; {
	case server && a == UnknownPSKIdentity:
		return UnknownIdentity, fmt.Sprintf("the server does not know the PSK identity %q (alert %s)", shorten(string(h.Identity)), a)
	case server && !h.ServerHello && (a == 71 || a == 40):
		return NoCommonSuite, fmt.Sprintf("no common cipher suite: the client offers %s, and the server answered with the alert %s", suiteNames(h.Offered), a)
	case a == 70:
		return NoCommonVersion, fmt.Sprintf("no common version: the client speaks %s, and the %s answered with the alert %s", versionName(h.Hello.Version), h.AlertOf, a)
	case server && h.Client.Finished > 0 && (a == 20 || a == 51):
		// RFC 4279 section 2 lets a server say decrypt_error also of an identity it does not know.
		return KeyMismatch, fmt.Sprintf("the keys do not match, or the server hides that it does not know the identity: it answered the Finished of the client%s with the alert %s", h.named(), a)
	default:
		return FatalAlert, fmt.Sprintf("the %s ended the handshake with the alert %s; the last message of the client%s was %s", h.AlertOf, a, h.named(), orNone(h.Client.Last))
	}
}

func (h Handshake) noHello() string {
	switch {
	case h.LikeCoAP > 0:
		return "no ClientHello came, but plaintext CoAP"
	case h.NotDTLS > 0:
		return "no ClientHello came, but datagrams that are no DTLS records"
	case h.Application || h.Client.Finished > 0 || h.Client.Encrypted:
		return "no ClientHello came, but records of an association that does not exist here: the client did not notice that it was lost"
	case h.Client.Messages > 0:
		return fmt.Sprintf("no ClientHello came, but %s", h.Client.Last)
	}
	return "no ClientHello came"
}

// named is the client's identity for a sentence.
func (h Handshake) named() string {
	if h.Identity == nil {
		return ""
	}
	return fmt.Sprintf(" (PSK identity %q)", shorten(string(h.Identity)))
}

func suiteNames(ids []Suite) string {
	s := ""
	for i, id := range ids {
		if i == shownSuites {
			return s + fmt.Sprintf(" and %d more", len(ids)-i)
		}
		if i > 0 {
			s += ", "
		}
		s += id.String()
	}
	if s == "" {
		return "none"
	}
	return s
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
