package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, 2048)
	n, err := c.Read(b)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return string(b[:n])
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); err != nil || n != len(s) {
		t.Fatalf("Write: %d, %v", n, err)
	}
}

func accept(t *testing.T, l Listener) net.Conn {
	t.Helper()
	c, err := l.Accept(t.Context())
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	return c
}

func listen(t *testing.T, n Network, addr string) Listener {
	t.Helper()
	l, err := n.Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, n Network, local, addr string) net.Conn {
	t.Helper()
	c, err := n.DialFrom(t.Context(), local, addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// behaves is what both networks have in common.
func behaves(t *testing.T, n Network, addr, local string) {
	l := listen(t, n, addr)
	defer l.Close()
	a, b := dial(t, n, "", l.Addr().String()), dial(t, n, local, l.Addr().String())
	defer a.Close()
	defer b.Close()

	write(t, a, "one")
	server := accept(t, l)
	write(t, a, "two")
	write(t, b, "from b")
	other := accept(t, l)
	if got := read(t, server) + " " + read(t, server) + " " + read(t, other); got != "one two from b" {
		t.Errorf("the server read %q", got)
	}
	write(t, server, "to a")
	write(t, other, "to b")
	if got := read(t, a) + " " + read(t, b); got != "to a to b" {
		t.Errorf("the clients read %q", got)
	}
	if server.RemoteAddr().String() != a.LocalAddr().String() || server.LocalAddr().String() != a.RemoteAddr().String() {
		t.Errorf("the two ends disagree: %s to %s and %s to %s", a.LocalAddr(), a.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
	}
	if b.LocalAddr().String() != local {
		t.Errorf("the local address is %s, asked was %s", b.LocalAddr(), local)
	}

	small := make([]byte, 2)
	write(t, a, "abcdef")
	if n, err := server.Read(small); n != 2 || err != nil {
		t.Errorf("a short read gave %d, %v", n, err)
	}
	write(t, a, "next")
	if got := read(t, server); got != "next" {
		t.Errorf("after a short read came %q", got)
	}

	if _, err := n.Listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "another socket has this port") {
		t.Errorf("a port that is taken: %v", err)
	}
	if _, err := n.DialFrom(t.Context(), l.Addr().String(), addr); err == nil {
		t.Error("a local port that is taken was given")
	}
	if _, err := a.Write(make([]byte, 65508)); err == nil {
		t.Error("a datagram that no IP packet holds was sent")
	}

	_ = other.Close()
	if _, err := other.Read(small); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	write(t, b, "again")
	if got := read(t, accept(t, l)); got != "again" {
		t.Errorf("a new flow of the same address began with %q", got)
	}
	_ = l.Close()
	_ = l.Close()
	if _, err := l.Accept(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if _, err := server.Read(small); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after the listener's Close: %v", err)
	}
	if _, err := server.Write(small); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after the listener's Close: %v", err)
	}
}

func TestUDP(t *testing.T) {
	free := listen(t, UDP{}, "127.0.0.1:0")
	local := free.Addr().String()
	_ = free.Close()
	behaves(t, UDP{}, "127.0.0.1:0", local)
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { behaves(t, &Memory{}, "192.0.2.1:5683", "203.0.113.5:40000") })
	synctest.Test(t, func(t *testing.T) { behaves(t, &Memory{}, "[2001:db8::1]:5683", "[2001:db8::2]:5683") })
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Memory{}
		l := listen(t, m, "192.0.2.1:5683")
		c := dial(t, m, "", "192.0.2.1:5683")
		write(t, c, "hello")
		s := accept(t, l)
		_ = read(t, s)
		for _, conn := range []net.Conn{c, s} {
			start := time.Now()
			b := make([]byte, 10)
			expires := func(want time.Duration, what string) {
				t.Helper()
				if _, err := conn.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("%s: %v", what, err)
				}
				if got := time.Since(start); got != want {
					t.Errorf("%s: after %s, want %s", what, got, want)
				}
			}
			_ = conn.SetReadDeadline(start.Add(time.Second))
			expires(time.Second, "a deadline ahead")
			expires(time.Second, "a deadline that has passed")
			_ = conn.SetReadDeadline(start.Add(10 * time.Second))
			time.AfterFunc(time.Second, func() { _ = conn.SetReadDeadline(start.Add(5 * time.Second)) })
			expires(5*time.Second, "a deadline brought forward")
			_ = conn.SetReadDeadline(start.Add(6 * time.Second))
			time.AfterFunc(500*time.Millisecond, func() { _ = conn.SetDeadline(start.Add(8 * time.Second)) })
			expires(8*time.Second, "a deadline put off")
			synctest.Wait() // for the other deadline, which passes at the same instant
			if _, err := conn.Write(b); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Write after its deadline: %v", err)
			}
			_ = conn.SetDeadline(time.Time{})
			time.AfterFunc(time.Hour, func() { _ = conn.Close() })
			if _, err := conn.Read(b); !errors.Is(err, net.ErrClosed) || time.Since(start) != time.Hour+8*time.Second {
				t.Errorf("no deadline: %v after %s", err, time.Since(start))
			}
		}
	})
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listen(t, &Memory{}, "192.0.2.1:5683")
		ctx, cancel := contextWithCause(t, "enough")
		time.AfterFunc(time.Minute, cancel)
		if _, err := l.Accept(ctx); err == nil || err.Error() != "enough" {
			t.Errorf("got %v", err)
		}
	})
}

func TestMemoryKeepsOrderAndInstantsApart(t *testing.T) {
	// Everything is written at one instant by senders in no particular order; what arrives is in the
	// order of their addresses, each sender's datagrams in the order written, each at its own instant.
	const senders, each = 5, 4
	synctest.Test(t, func(t *testing.T) {
		m := &Memory{Latency: 10 * time.Millisecond}
		start := time.Now()
		type arrival struct {
			text string
			at   time.Duration
		}
		arrivals := make(chan arrival, senders*each)
		for s := range senders {
			addr := fmt.Sprintf("192.0.2.1:%d", 5683+s)
			l := listen(t, m, addr)
			c := dial(t, m, fmt.Sprintf("198.51.100.%d:5683", 9-s), addr)
			go func() {
				for i := range each {
					write(t, c, fmt.Sprintf("%s/%d", c.LocalAddr(), i))
				}
			}()
			go func() {
				conn := accept(t, l)
				for range each {
					arrivals <- arrival{read(t, conn), time.Since(start)}
				}
			}()
		}
		synctest.Wait()
		for i := range senders * each {
			got := <-arrivals
			want := arrival{fmt.Sprintf("198.51.100.%d:5683/%d", 5+i/each, i%each), 10*time.Millisecond + time.Duration(i)}
			if got != want {
				t.Errorf("arrival %d: %v, want %v", i, got, want)
			}
		}
	})
}

func TestMemoryTellsWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost []string
		m := &Memory{Options: Options{
			Limits: Limits{Flows: 2, Queue: 2, Idle: time.Minute},
			OnLoss: func(l Loss) { lost = append(lost, fmt.Sprintf("%s: %s", l.Datagram, l.Reason)) },
		}}
		l := listen(t, m, "192.0.2.1:5683")
		a := dial(t, m, "198.51.100.7:1", "192.0.2.1:5683")
		for _, s := range []string{"1", "2", "3"} {
			write(t, a, s)
		}
		time.Sleep(time.Second)
		write(t, dial(t, m, "", "192.0.2.99:5683"), "nobody")
		write(t, dial(t, m, "198.51.100.7:9", "198.51.100.7:1"), "stranger")
		b, c := dial(t, m, "", "192.0.2.1:5683"), dial(t, m, "", "192.0.2.1:5683")
		write(t, b, "b")
		time.Sleep(time.Second)
		write(t, c, "too many")
		time.Sleep(2 * time.Minute)
		write(t, c, "c")
		time.Sleep(time.Second)
		synctest.Wait()
		want := "3: too many datagrams wait to be read|nobody: nobody listens on 192.0.2.99:5683|" +
			"stranger: it came from another address than 192.0.2.1:5683|too many: there are too many remote addresses at a time"
		if got := strings.Join(lost, "|"); got != want {
			t.Errorf("lost:\n%s\nwant:\n%s", got, want)
		}
		flow := accept(t, l)
		if got := read(t, flow) + read(t, flow); got != "12" {
			t.Errorf("the oldest flow gave %q", got)
		}
		if _, err := flow.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("it ended with %v, since it gave way to another", err)
		}
		if got := read(t, accept(t, l)) + read(t, accept(t, l)); got != "bc" {
			t.Errorf("the others gave %q", got)
		}
	})
}

func TestUDPErrorsAreSentences(t *testing.T) {
	taken := listen(t, UDP{}, "127.0.0.1:0")
	defer taken.Close()
	port := netip.MustParseAddrPort(taken.Addr().String()).Port()
	tests := []struct {
		name string
		err  func() error
		want string
	}{
		{"port taken", func() error {
			_, err := UDP{}.Listen(t.Context(), taken.Addr().String())
			return err
		}, fmt.Sprintf("cannot listen on UDP 127.0.0.1:%d: another socket has this port", port)},
		{"local port taken", func() error {
			_, err := UDP{}.DialFrom(t.Context(), taken.Addr().String(), "127.0.0.1:9")
			return err
		}, fmt.Sprintf("UDP 127.0.0.1:%d: another socket has this port", port)},
		{"not our address", func() error {
			_, err := UDP{}.Listen(t.Context(), "192.0.2.1:5683")
			return err
		}, "cannot listen on UDP 192.0.2.1:5683: this machine does not have the address"},
		{"no such host", func() error {
			_, err := UDP{}.Dial(t.Context(), "nowhere.invalid:5683")
			return err
		}, `cannot reach UDP nowhere.invalid:5683: the host name "nowhere.invalid" cannot be resolved`},
		{"no port", func() error {
			_, err := UDP{}.Dial(t.Context(), "127.0.0.1")
			return err
		}, "cannot reach UDP 127.0.0.1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.err()
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUDPBearsAnUnreachablePort(t *testing.T) {
	gone := listen(t, UDP{}, "127.0.0.1:0")
	addr := gone.Addr().String()
	_ = gone.Close()
	lost := make(chan string, 10)
	u := UDP{Options{OnLoss: func(l Loss) { lost <- l.Reason }}}
	c := dial(t, u, "", addr)
	defer c.Close()
	got := make(chan string)
	go func() {
		b := make([]byte, 10)
		n, err := c.Read(b)
		got <- fmt.Sprint(string(b[:n]), err)
	}()
	write(t, c, "nobody hears this")
	if s := <-lost; s != "nobody listens on "+addr {
		t.Errorf("lost: %s", s)
	}
	l := listen(t, UDP{}, addr)
	defer l.Close()
	write(t, c, "hello")
	s := accept(t, l)
	if text := read(t, s); text != "hello" {
		t.Errorf("the late listener read %q", text)
	}
	write(t, s, "late")
	if s := <-got; s != "late<nil>" {
		t.Errorf("the client read %s", s)
	}
}

func TestUDPWildcardListenerKnowsItsAddress(t *testing.T) {
	l := listen(t, UDP{}, "[::]:0")
	defer l.Close()
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	c := dial(t, UDP{}, "", fmt.Sprintf("127.0.0.1:%d", port))
	defer c.Close()
	write(t, c, "over IPv4")
	s := accept(t, l)
	if got := s.LocalAddr().String(); got != c.RemoteAddr().String() {
		t.Errorf("the local address is %s, the client sent to %s", got, c.RemoteAddr())
	}
	_ = read(t, s)
	write(t, s, "back")
	if got := read(t, c); got != "back" {
		t.Errorf("the client read %q", got)
	}
}
