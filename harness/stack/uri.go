package stack

import (
	"fmt"
	"net"
	"net/url"

	"github.com/lwm2mspec/lwm2mspec/harness/peer"
)

// URI writes the server URI for an address, coap or coaps by the mode. The port is always given.
func URI(mode peer.SecurityMode, address string) string {
	if mode == peer.PSK {
		return "coaps://" + address
	}
	return "coap://" + address
}

// hostPort reads the address out of a server URI; without a port it is the scheme's default (RFC 7252
// section 6).
func hostPort(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", fmt.Errorf("the server URI %q is malformed: %w", uri, err)
	}
	ports := map[string]string{"coap": "5683", "coaps": "5684"}
	def, ok := ports[u.Scheme]
	if !ok || u.Hostname() == "" {
		return "", fmt.Errorf("the server URI %q is neither coap://host nor coaps://host", uri)
	}
	port := u.Port()
	if port == "" {
		port = def
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
