package harness_test

import (
	"context"
	"fmt"
	"testing"

	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/harness/virtual"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/results"
	"github.com/lwm2mspec/lwm2mspec/testcases/registration"
)

func play(t *testing.T, c Case, role Role, version, security string, b peer.Behaviour) results.Result {
	t.Helper()
	var r results.Result
	err := virtual.Run(func() {
		p := profile.ForEmbedded(string(role), peer.Device())
		n := &link.Memory{}
		key := results.Key{Case: c.ID, Role: string(role), IUT: p.Name, LwM2M: version, Transport: "udp", Security: security, Repetition: 1}
		r, _ = Run(context.Background(), c, key, p, Options{Network: n, IUT: control.NewEmbedded(p, n, b), Seed: 7, Virtual: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestInt102(t *testing.T) {
	for _, role := range []Role{Client, Server} {
		r := play(t, registration.Int102(), role, "1.1", "psk", peer.Behaviour{})
		fmt.Println(role, r.Verdict, r.Reason)
		for _, c := range r.Criteria {
			fmt.Println("  ", c.ID, c.Verdict, c.Expected, "|", c.Actual, c.Message, c.Reason)
		}
		for _, m := range r.Messages {
			fmt.Println("    ", m.N, m.At, m.From, m.Type, m.Summary, m.Decoded)
		}
		fmt.Println(r.Warnings, r.Output)
	}
}
