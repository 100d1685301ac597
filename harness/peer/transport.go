package peer

import (
	"context"
	"net"
)

// Conn carries one CoAP message in clear per Read and Write, whatever secures it below.
type Conn interface {
	net.Conn
	// Identity is the authenticated PSK identity of the client; nil without security.
	Identity() []byte
}

// Listener hands out what clients open.
type Listener interface {
	Accept(ctx context.Context) (Conn, error)
	Addr() net.Addr
	Close() error
}

// Dial opens a client's connection to the server of an account.
type Dial func(ctx context.Context, a Account) (net.Conn, error)
