package control

import (
	"encoding/hex"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/harness/peer"
)

// fill replaces the placeholders {name} of a template. The profile was checked, so that an unknown one
// cannot come here.
func fill(template string, values map[string]string) string {
	var pairs []string
	for k, v := range values {
		pairs = append(pairs, "{"+k+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

func fillAll(templates []string, values map[string]string) []string {
	out := make([]string, len(templates))
	for i, t := range templates {
		out[i] = fill(t, values)
	}
	return out
}

// placeholders gives the values of a setup. What a play has no value for is empty.
func placeholders(dir string, s Setup) map[string]string {
	self, _ := os.Executable()
	v := map[string]string{
		"self": self, "dir": dir, "endpoint": s.Endpoint, "lwm2m": s.Version.String(), "security": "nosec", "bootstrap": "false",
		"listen": s.Listen, "psk_identity": string(s.Identity), "psk_identity_hex": hex.EncodeToString(s.Identity), "psk_key_hex": hex.EncodeToString(s.Key),
	}
	if s.Mode == peer.PSK {
		v["security"] = "psk"
	}
	v["host"], v["port"], _ = net.SplitHostPort(s.Listen)
	if len(s.Accounts) > 0 {
		a := s.Accounts[0]
		for _, b := range s.Accounts {
			if b.Bootstrap {
				a = b
				v["bootstrap"] = "true"
			}
		}
		account(v, "", a)
		if a.Mode == peer.PSK {
			v["security"] = "psk"
		} else {
			v["security"] = "nosec"
		}
	}
	if s.Provision != nil {
		account(v, "server_", *s.Provision)
	}
	return v
}

func account(v map[string]string, prefix string, a peer.Account) {
	v[prefix+"uri"] = a.URI
	if u, err := url.Parse(a.URI); err == nil {
		v[prefix+"host"], v[prefix+"port"] = u.Hostname(), u.Port()
	}
	v[prefix+"lifetime"] = strconv.FormatInt(a.Lifetime, 10)
	v[prefix+"short_server_id"] = strconv.Itoa(int(a.ShortServerID))
	v[prefix+"psk_identity"] = string(a.Identity)
	v[prefix+"psk_identity_hex"] = hex.EncodeToString(a.Identity)
	v[prefix+"psk_key_hex"] = hex.EncodeToString(a.Key)
	if prefix != "" {
		return
	}
	v["binding"] = a.Binding
	for k, n := range map[string]*int64{"default_pmin": a.DefaultPmin, "default_pmax": a.DefaultPmax, "disable_timeout": a.DisableTimeout} {
		if n != nil {
			v[k] = strconv.FormatInt(*n, 10)
		}
	}
}

// request adds what one verb brings.
func request(values map[string]string, r Request) map[string]string {
	v := make(map[string]string, len(values)+6)
	for k, s := range values {
		v[k] = s
	}
	if r.Endpoint != "" {
		v["endpoint"] = r.Endpoint
	}
	if r.Verb == SetValue {
		v["path"], v["value"] = r.Path.String(), plain(r.Value)
	}
	if c := r.Call; c != nil {
		v["path"], v["attributes"], v["arguments"] = c.Path.String(), c.Attributes, c.Arguments
		if len(c.Values.Nodes) == 1 {
			v["value"] = plain(c.Values.Nodes[0].Value)
		}
		f := c.Accept
		if f == nil {
			f = c.Format
		}
		if f != nil {
			v["format"], v["format_name"] = strconv.Itoa(int(*f)), f.Name()
		}
	}
	for _, k := range []string{"path", "value", "attributes", "arguments", "format", "format_name"} {
		if _, ok := v[k]; !ok {
			v[k] = ""
		}
	}
	return v
}
