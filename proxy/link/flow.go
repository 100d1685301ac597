package link

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// maxDatagram is the largest UDP payload over IPv4: 65535 less the two headers.
const maxDatagram = 65507

// flow is the datagrams between one local and one remote address as a net.Conn.
type flow struct {
	local, remote netip.AddrPort
	send          func([]byte) error
	release       func(*flow) // called once, by Close

	in       chan []byte
	end      chan struct{}
	endOnce  sync.Once
	err      error // why it ended; written before end is closed
	readBy   deadline
	writeBy  deadline
	released sync.Once
}

func newFlow(local, remote netip.AddrPort, queue int, send func([]byte) error, release func(*flow)) *flow {
	return &flow{local: local, remote: remote, send: send, release: release, in: make(chan []byte, queue), end: make(chan struct{})}
}

// offer queues a datagram for Read; false when the queue is full.
func (f *flow) offer(datagram []byte) bool {
	select {
	case f.in <- datagram:
		return true
	default:
		return false
	}
}

// finish ends the flow. After io.EOF what was queued can still be read.
func (f *flow) finish(err error) {
	f.endOnce.Do(func() { f.err = err; close(f.end) })
}

// Read returns the next datagram.
func (f *flow) Read(b []byte) (int, error) {
	passed := f.readBy.wait()
	select {
	case <-passed:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	select {
	case d := <-f.in:
		if f.closed() {
			return 0, net.ErrClosed
		}
		return copy(b, d), nil
	case <-passed:
		return 0, os.ErrDeadlineExceeded
	case <-f.end:
	}
	if f.err != io.EOF { //nolint:errorlint // our own value, never wrapped
		return 0, f.err
	}
	select { // what arrived before the end is not lost with it
	case d := <-f.in:
		return copy(b, d), nil
	default:
		return 0, io.EOF
	}
}

func (f *flow) closed() bool {
	select {
	case <-f.end:
		return f.err != io.EOF //nolint:errorlint // our own value, never wrapped
	default:
		return false
	}
}

// Write sends one datagram.
func (f *flow) Write(b []byte) (int, error) {
	select {
	case <-f.end:
		// Also after io.EOF: what the old association still has to say must not reach the client,
		// which has begun a new one from the same address.
		return 0, net.ErrClosed
	case <-f.writeBy.wait():
		return 0, os.ErrDeadlineExceeded
	default:
	}
	if len(b) > maxDatagram {
		return 0, fmt.Errorf("a datagram of %d bytes cannot be sent, %d are the most", len(b), maxDatagram)
	}
	if err := f.send(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close ends the flow without a word on the wire.
func (f *flow) Close() error {
	f.finish(net.ErrClosed)
	f.readBy.stop()
	f.writeBy.stop()
	f.released.Do(func() { f.release(f) })
	return nil
}

// LocalAddr is a *net.UDPAddr.
func (f *flow) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(f.local) }

// RemoteAddr is a *net.UDPAddr.
func (f *flow) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(f.remote) }

// SetDeadline sets both deadlines.
func (f *flow) SetDeadline(t time.Time) error {
	f.readBy.set(t)
	f.writeBy.set(t)
	return nil
}

// SetReadDeadline bounds pending and later Reads.
func (f *flow) SetReadDeadline(t time.Time) error { f.readBy.set(t); return nil }

// SetWriteDeadline refuses Writes after t; a Write itself never blocks.
func (f *flow) SetWriteDeadline(t time.Time) error { f.writeBy.set(t); return nil }
