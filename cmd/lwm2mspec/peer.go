package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/model"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
)

// peerOptions are the flags of peer.
type peerOptions struct {
	endpoint, uri, listen, version string
	identity, key                  string
	bootstrap                      bool
	lifetime                       int64
	pmin, pmax, disable            int64
	ssid                           uint16
	misbehave                      string
	serverURI, serverID, serverKey string
	serverSSID                     uint16
	serverLifetime                 int64
	seed                           uint64
}

func peerCommand() *cobra.Command {
	c := &cobra.Command{Use: "peer", Short: "runs a reference peer as a program: a client, server or bootstrap-server"}
	for _, role := range profile.Roles {
		var o peerOptions
		sub := &cobra.Command{
			Use:   role,
			Short: "runs the reference " + role + "; lines on stdin are the verbs of the control",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return o.run(cmd.Context(), role, cmd.InOrStdin(), cmd.OutOrStdout())
			},
		}
		o.flags(sub, role)
		c.AddCommand(sub)
	}
	return c
}

func (o *peerOptions) flags(c *cobra.Command, role string) {
	f := c.Flags()
	f.StringVar(&o.endpoint, "endpoint", "lwm2mspec-peer", "endpoint client name")
	f.StringVar(&o.version, "lwm2m", "1.1", "LwM2M version")
	f.StringVar(&o.identity, "psk-identity", "", "PSK identity; without it NoSec")
	f.StringVar(&o.key, "psk-key", "", "PSK in hex")
	f.StringVar(&o.misbehave, "misbehave", "", "name of a deviation")
	f.Uint64Var(&o.seed, "seed", 1, "fixes tokens and message IDs")
	if role == "client" {
		f.StringVar(&o.uri, "uri", "coap://127.0.0.1:5683", "URI of the server, or with --bootstrap of the bootstrap server")
		f.BoolVar(&o.bootstrap, "bootstrap", false, "the account is that of a bootstrap server")
		f.Int64Var(&o.lifetime, "lifetime", 86400, "lifetime in seconds")
		f.Uint16Var(&o.ssid, "short-server-id", 1, "Short Server ID")
		f.Int64Var(&o.pmin, "default-pmin", -1, "/1/x/2 in seconds")
		f.Int64Var(&o.pmax, "default-pmax", -1, "/1/x/3 in seconds")
		f.Int64Var(&o.disable, "disable-timeout", -1, "/1/x/5 in seconds")
		return
	}
	f.StringVar(&o.listen, "listen", "127.0.0.1:5683", "host:port to listen on")
	if role == "bootstrap-server" {
		f.StringVar(&o.serverURI, "server-uri", "coap://127.0.0.1:5683", "URI of the account it gives")
		f.Uint16Var(&o.serverSSID, "server-short-server-id", 1, "Short Server ID of that account")
		f.Int64Var(&o.serverLifetime, "server-lifetime", 86400, "lifetime of that account in seconds")
		f.StringVar(&o.serverID, "server-psk-identity", "", "PSK identity of that account; without it NoSec")
		f.StringVar(&o.serverKey, "server-psk-key", "", "PSK of that account in hex")
	}
}

func (o *peerOptions) run(ctx context.Context, role string, in io.Reader, out io.Writer) error {
	s, b, err := o.setup(role)
	if err != nil {
		return usage(err)
	}
	p := profile.ForEmbedded(role, peer.Device())
	iut := control.NewEmbedded(p, link.UDP{}, b)
	iut.Tell(func(line string) { fmt.Fprintln(out, line) })
	if err := iut.Start(ctx, s); err != nil {
		return usage(err)
	}
	defer iut.Close()
	fmt.Fprintln(out, "ready")
	lines := make(chan string)
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(in); sc.Scan(); {
			select {
			case lines <- sc.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-iut.Ended():
			return coded{exitError, iut.Err()}
		case line, ok := <-lines:
			if !ok || line == "stop" {
				_, _ = iut.Do(ctx, control.Request{Verb: control.Stop})
				return nil
			}
			if line == "kill" {
				return nil
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			go func() {
				answer, err := verb(ctx, iut, line)
				if err != nil {
					answer = "error: " + err.Error()
				}
				fmt.Fprintln(out, strings.TrimSpace("done "+line+" "+strings.ReplaceAll(answer, "\n", " ")))
			}()
		}
	}
}

// setup turns the flags into what the control starts a peer with.
func (o *peerOptions) setup(role string) (control.Setup, peer.Behaviour, error) {
	var b peer.Behaviour
	s := control.Setup{Endpoint: o.endpoint, Listen: o.listen, Seed: o.seed}
	v, err := lwm2m.ParseVersion(o.version)
	if err != nil {
		return s, b, err
	}
	s.Version = v
	if o.misbehave != "" {
		d, err := peer.ForRole(o.misbehave, role)
		if err != nil {
			return s, b, err
		}
		b = d.Behaviour()
	}
	mode, identity, key, err := credentials(o.identity, o.key)
	if err != nil {
		return s, b, err
	}
	if role == "client" {
		a := peer.Account{URI: o.uri, Bootstrap: o.bootstrap, Mode: mode, Identity: identity, Key: key, Lifetime: o.lifetime, Binding: "U", ShortServerID: o.ssid}
		a.DefaultPmin, a.DefaultPmax, a.DisableTimeout = given(o.pmin), given(o.pmax), given(o.disable)
		if o.bootstrap {
			a.ShortServerID, a.SecurityID = 0, 1
		}
		s.Accounts = []peer.Account{a}
		return s, b, nil
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return s, b, fmt.Errorf("--listen %q is not host:port", o.listen)
	}
	s.Mode, s.Identity, s.Key = mode, identity, key
	if role == "bootstrap-server" {
		mode, identity, key, err := credentials(o.serverID, o.serverKey)
		if err != nil {
			return s, b, err
		}
		s.Provision = &peer.Account{URI: o.serverURI, Mode: mode, Identity: identity, Key: key, Lifetime: o.serverLifetime, Binding: "U", ShortServerID: o.serverSSID}
	}
	return s, b, nil
}

func given(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func credentials(identity, key string) (peer.SecurityMode, []byte, []byte, error) {
	if identity == "" && key == "" {
		return peer.NoSec, nil, nil, nil
	}
	k, err := hex.DecodeString(key)
	if err != nil || len(k) == 0 || identity == "" {
		return 0, nil, nil, fmt.Errorf("a PSK needs an identity and a key in hex")
	}
	return peer.PSK, []byte(identity), k, nil
}

// verb carries out one line: "trigger update", "set-value /3/0/7/0 3700", "operate write EP /1/0/1 20".
func verb(ctx context.Context, iut control.IUT, line string) (string, error) {
	w := strings.Fields(line)
	switch {
	case w[0] == "set-value" && len(w) >= 3:
		p, err := lwm2m.ParsePath(w[1])
		if err != nil {
			return "", err
		}
		v, err := value(p, strings.Join(w[2:], " "))
		if err != nil {
			return "", err
		}
		return iut.Do(ctx, control.Request{Verb: control.SetValue, Path: p, Value: v})
	case w[0] == "forget" && len(w) == 2:
		return iut.Do(ctx, control.Request{Verb: control.Forget, Endpoint: w[1]})
	case w[0] == "operate" && len(w) >= 4:
		return operate(ctx, iut, w[1:])
	}
	v := control.Verb(line)
	if !iut.Supports(v) {
		return "", fmt.Errorf("%q is no verb here", line)
	}
	return iut.Do(ctx, control.Request{Verb: v})
}

func value(p lwm2m.Path, text string) (lwm2m.Value, error) {
	t, _, known := model.Default(lwm2m.V1_1).TypeOf(p)
	if !known {
		return lwm2m.Value{}, fmt.Errorf("the registry has no %s", p)
	}
	return model.ParseValue(t, text)
}

// operate reads KIND ENDPOINT PATH [ARGUMENT]: the value of a write, the query of write-attributes, the
// format number of a read.
func operate(ctx context.Context, iut control.IUT, w []string) (string, error) {
	p, err := lwm2m.ParsePath(w[2])
	if err != nil {
		return "", err
	}
	c := peer.Call{Kind: peer.Kind(w[0]), Path: p}
	if rest := strings.Join(w[3:], " "); rest != "" {
		switch c.Kind {
		case peer.Write:
			v, err := value(p, rest)
			if err != nil {
				return "", err
			}
			c.Values.Add(p, v)
		case peer.WriteAttributes:
			c.Attributes = rest
		case peer.Execute:
			c.Arguments = rest
		default:
			var n uint16
			if _, err := fmt.Sscan(rest, &n); err != nil {
				return "", fmt.Errorf("%q is no content format", rest)
			}
			f := lwm2m.ContentFormat(n)
			c.Accept = &f
		}
	}
	return iut.Do(ctx, control.Request{Verb: control.Operate(c.Kind), Endpoint: w[1], Call: &c})
}
