package harness_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	. "github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/harness/control"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/harness/profile"
	"github.com/lwm2mspec/lwm2mspec/harness/virtual"
	"github.com/lwm2mspec/lwm2mspec/proxy/link"
	"github.com/lwm2mspec/lwm2mspec/results"
	"github.com/lwm2mspec/lwm2mspec/testcases"
)

func play(t *testing.T, c Case, role Role, version, security, variant string, b peer.Behaviour) results.Result {
	t.Helper()
	var r results.Result
	err := virtual.Run(func() {
		p := profile.ForEmbedded(string(role), peer.Device())
		n := &link.Memory{}
		key := results.Key{Case: c.ID, Role: string(role), IUT: p.Name, LwM2M: version, Transport: "udp", Security: security, Format: variant, Repetition: 1}
		r, _ = Run(context.Background(), c, key, p, Options{Network: n, IUT: control.NewEmbedded(p, n, b), Seed: 7, Virtual: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCases(t *testing.T) {
	for _, c := range testcases.All() {
		for _, role := range c.Roles() {
			for _, v := range []string{"1.0", "1.1", "1.2"} {
				for _, sec := range []string{"psk", "nosec"} {
					if len(c.Security) > 0 && sec == "nosec" {
						continue
					}
					r := play(t, c, role, v, sec, "", peer.Behaviour{})
					fmt.Println(c.ShortID(), role, v, sec, r.Verdict, r.Reason, r.Warnings)
					if r.Verdict == results.Pass && os.Getenv("SHOW") == "" {
						continue
					}
					for _, c := range r.Criteria {
						fmt.Println("  ", c.ID, c.Verdict, c.Expected, "|", c.Actual, c.Message, c.Reason)
					}
					for _, m := range r.Messages {
						fmt.Println("    ", m.N, m.At, m.From, m.Type, m.Summary, m.Decoded, m.Notes)
					}
					fmt.Println(r.Output)
				}
			}
		}
	}
}
