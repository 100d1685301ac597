//go:build oracles

package trace_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap/security"
	"github.com/lwm2mspec/lwm2mspec/coap/security/handshake"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/proxy/trace"
)

// The stack of link, tap and security against OpenSSL, in both roles.

func oracleKeys(identity []byte) ([]byte, error) {
	if string(identity) != "dev" {
		return nil, security.ErrUnknownIdentity
	}
	return []byte{1, 2, 3, 4}, nil
}

func TestServerAgainstOpenSSL(t *testing.T) {
	tests := []struct {
		name, identity, key, cipher string
		suite                       handshake.Suite
		cause                       handshake.Cause // of the failure that is due
		says                        string          // OpenSSL
	}{
		{"CCM_8", "dev", "01020304", "PSK-AES128-CCM8:@SECLEVEL=0", handshake.PSKWithAES128CCM8, "", ""},
		{"CBC", "dev", "01020304", "PSK-AES128-CBC-SHA256", handshake.PSKWithAES128CBC256, "", ""},
		{"unknown identity", "nobody", "01020304", "PSK-AES128-CBC-SHA256", 0, handshake.UnknownIdentity, "SSL alert number 115"},
		{"wrong key", "dev", "0909", "PSK-AES128-CBC-SHA256", 0, handshake.KeyMismatch, ""},
		{"no common suite", "dev", "01020304", "PSK-AES256-CBC-SHA384", 0, handshake.NoCommonSuite, "SSL alert number 71"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			l, err := link.UDP{}.Listen(ctx, "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			cmd := exec.CommandContext(ctx, "openssl", "s_client", "-dtls1_2", "-connect", l.Addr().String(), "-psk_identity", tt.identity, "-psk", tt.key, "-cipher", tt.cipher)
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			c, err := l.Accept(ctx)
			if err != nil {
				t.Fatal(err)
			}
			tr := trace.New()
			k := tr.NewLink(trace.Link{Client: "client", Server: "server", Secured: true})
			short, stop := context.WithTimeout(ctx, 4*time.Second)
			defer stop()
			d, err := security.Server(short, trace.Tap(c, tr, k, false), security.ServerConfig{Keys: oracleKeys})
			if err == nil {
				_, _ = io.WriteString(stdin, "over\n")
				b := make([]byte, 100)
				n, readErr := d.Read(b)
				if string(b[:n]) != "over\n" || d.Session().Suite != tt.suite || string(d.Identity()) != tt.identity {
					t.Errorf("suite %s, identity %q, read %q, %v", d.Session().Suite, d.Identity(), b[:n], readErr)
				}
				_ = d.Close()
			}
			_ = stdin.Close()
			if tt.says == "" { // nothing is sent to OpenSSL in this case that would end it
				cancel()
			}
			_ = cmd.Wait()
			checkFailure(t, err, tt.cause, k)
			if !strings.Contains(said.String(), tt.says) {
				t.Errorf("OpenSSL does not say %q:\n%s", tt.says, said.String())
			}
		})
	}
}

// checkFailure holds what the security layer and the watcher of the link say against what is due.
func checkFailure(t *testing.T, err error, cause handshake.Cause, k *trace.Link) {
	t.Helper()
	var failed *security.HandshakeError
	switch {
	case cause == "" && err != nil:
		t.Errorf("the handshake failed: %v", err)
	case cause == "" && k.Watcher.Handshake().Cause() != handshake.Complete:
		t.Errorf("the watcher says of a complete handshake: %s", k.Watcher.Handshake().Diagnosis())
	case cause == "":
	case !errors.As(err, &failed):
		t.Errorf("the handshake did not fail: %v", err)
	case failed.Handshake.Cause() != cause || k.Watcher.Handshake().Cause() != cause:
		t.Errorf("got %s and %s, want %s: %v", failed.Handshake.Cause(), k.Watcher.Handshake().Cause(), cause, err)
	}
}

func TestClientAgainstOpenSSL(t *testing.T) {
	for _, tt := range []struct {
		name  string
		key   []byte
		suite handshake.Suite
		cause handshake.Cause
	}{
		{"CCM_8", []byte{1, 2, 3, 4}, handshake.PSKWithAES128CCM8, ""},
		{"CBC", []byte{1, 2, 3, 4}, handshake.PSKWithAES128CBC256, ""},
		{"wrong key", []byte{9}, handshake.PSKWithAES128CBC256, handshake.KeyMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			addr := opensslServer(t, ctx)
			c, err := link.UDP{}.Dial(ctx, addr)
			if err != nil {
				t.Fatal(err)
			}
			tr := trace.New()
			k := tr.NewLink(trace.Link{Client: "client", Server: "server", Secured: true})
			short, stop := context.WithTimeout(ctx, 4*time.Second)
			defer stop()
			d, err := security.Client(short, trace.Tap(c, tr, k, true), security.ClientConfig{Identity: []byte("dev"), Key: tt.key, Suites: []handshake.Suite{tt.suite}})
			checkFailure(t, err, tt.cause, k)
			if err == nil {
				if d.Session().Suite != tt.suite {
					t.Errorf("suite %s", d.Session().Suite)
				}
				_ = d.Close()
			}
		})
	}
}

// opensslServer starts a server and waits until it accepts.
func opensslServer(t *testing.T, ctx context.Context) string {
	t.Helper()
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.LocalAddr().String()
	_ = free.Close()
	cmd := exec.CommandContext(ctx, "openssl", "s_server", "-dtls1_2", "-accept", addr, "-nocert", "-psk", "01020304", "-psk_identity", "dev",
		"-cipher", "PSK-AES128-CBC-SHA256:PSK-AES128-CCM8:@SECLEVEL=0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if lines.Text() == "ACCEPT" {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return addr
		}
	}
	t.Fatal("openssl s_server did not begin to accept")
	return ""
}
