package link

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func contextWithCause(t *testing.T, cause string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	return ctx, func() { cancel(errors.New(cause)) }
}

// clientHello writes a ClientHello as one record of epoch 0.
func clientHello(random byte, seq uint16, cookie string) []byte {
	body := []byte{0xfe, 0xfd}
	for range 32 {
		body = append(body, random)
	}
	body = append(body, 0, byte(len(cookie)))
	body = append(body, cookie...)
	body = append(body, 0, 2, 0xc0, 0xa8, 1, 0)
	return record(22, 0, message(1, seq, len(body), 0, body))
}

func message(kind byte, seq uint16, length, offset int, fragment []byte) []byte {
	b := []byte{kind, byte(length >> 16), byte(length >> 8), byte(length)}
	b = binary.BigEndian.AppendUint16(b, seq)
	b = append(b, byte(offset>>16), byte(offset>>8), byte(offset), byte(len(fragment)>>16), byte(len(fragment)>>8), byte(len(fragment)))
	return append(b, fragment...)
}

func record(content byte, epoch uint16, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{content, 0xfe, 0xfd}, epoch)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

func TestRestartedClients(t *testing.T) {
	first, again := clientHello('A', 0, ""), clientHello('A', 1, "cookie")
	finished := record(22, 1, []byte("encrypted"))
	data := record(23, 1, []byte("encrypted"))
	other := clientHello('B', 0, "")
	cut := func(random byte) []byte { // only the first 20 bytes of the body
		return record(22, 0, message(1, 0, 44, 0, clientHello(random, 0, "")[25:45]))
	}
	tests := []struct {
		name string
		sent [][]byte
		want []int // how many datagrams each connection gets, in the order accepted
	}{
		{"a handshake with cookie", [][]byte{first, again, finished, data}, []int{4}},
		{"a reboot after a finished handshake", [][]byte{first, again, finished, data, other, data}, []int{4, 2}},
		{"a reboot in the middle of a handshake", [][]byte{first, other, clientHello('B', 1, "cookie")}, []int{1, 2}},
		{"a reboot after the cookie", [][]byte{first, again, other}, []int{2, 1}},
		{"a repeated ClientHello", [][]byte{first, first, again, again}, []int{4}},
		{"a delayed duplicate after the handshake", [][]byte{first, again, finished, data, first, again, data}, []int{7}},
		{"a delayed duplicate of the life before", [][]byte{first, again, data, other, data, first, again, data}, []int{3, 5}},
		{"a cookie with another random", [][]byte{first, clientHello('C', 1, "cookie"), data}, []int{3}},
		{"a cookie in message 0", [][]byte{first, clientHello('C', 0, "cookie"), data}, []int{3}},
		{"then the random of the cookie comes late", [][]byte{first, clientHello('C', 1, "cookie"), data, clientHello('C', 0, "")}, []int{4}},
		{"a fragment that hides the random", [][]byte{first, again, data, cut('B')}, []int{4}},
		{"three lives", [][]byte{first, other, clientHello('C', 0, "")}, []int{1, 1, 1}},
		{"CoAP goes on", [][]byte{{0x40, 1, 0, 1}, {0x40, 1, 0, 1}}, []int{2}},
		{"CoAP before DTLS", [][]byte{{0x40, 1, 0, 1}, first, again, other}, []int{3, 1}},
		{"records of an association that was lost", [][]byte{data, finished, first, data}, []int{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &Memory{}
				l := listen(t, m, "192.0.2.1:5684")
				c := dial(t, m, "", "192.0.2.1:5684")
				for _, b := range tt.sent {
					write(t, c, string(b))
				}
				time.Sleep(time.Second)
				for i, want := range tt.want {
					conn := accept(t, l)
					got, err := drain(conn)
					last := i == len(tt.want)-1
					if got != want || errors.Is(err, io.EOF) == last {
						t.Errorf("connection %d got %d datagrams, want %d; it ended with %v", i, got, want, err)
					}
					if _, err := conn.Write([]byte("x")); errors.Is(err, net.ErrClosed) == last {
						t.Errorf("connection %d: Write gave %v", i, err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := l.Accept(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("one more connection: %v", err)
				}
			})
		})
	}
}

// drain counts what can be read within a second.
func drain(c net.Conn) (n int, err error) {
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	defer func() { _ = c.SetDeadline(time.Time{}) }()
	for {
		if _, err = c.Read(make([]byte, 100)); err != nil {
			return n, err
		}
		n++
	}
}

func TestReadersAndBacklogAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost int
		m := &Memory{Options: Options{Limits: Limits{Backlog: 3}, OnLoss: func(Loss) { lost++ }}}
		l := listen(t, m, "192.0.2.1:5684")
		c := dial(t, m, "", "192.0.2.1:5684")
		for i := range 10 {
			write(t, c, string(clientHello(byte(i), 0, "")))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if lost != 7 {
			t.Errorf("%d datagrams were lost, want 7", lost)
		}
		for range 3 {
			accept(t, l)
		}
		write(t, c, string(clientHello('Z', 0, "")))
		if got := accept(t, l); read(t, got) != string(clientHello('Z', 0, "")) {
			t.Error("after a full backlog the next client is not accepted")
		}
	})
}

func FuzzHello(f *testing.F) {
	f.Add(clientHello('A', 0, ""))
	f.Add(clientHello('A', 1, "cookie"))
	f.Add(record(22, 0, message(1, 0, 100, 40, []byte("fragment"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := readHello(b)
		if ok && !looksLikeDTLS(b) {
			t.Error("a ClientHello outside DTLS")
		}
		var a associations
		begins := a.begins(h)
		a.remember(h)
		if begins && a.begins(h) {
			t.Error("a remembered ClientHello begins an association twice")
		}
	})
}
