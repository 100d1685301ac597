package profile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// checker collects everything that is wrong with a profile.
type checker struct {
	lines map[string]int
	errs  []error
}

func (c *checker) fail(key, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if n, ok := c.lines[key]; ok {
		text = fmt.Sprintf("line %d: %s", n, text)
	}
	c.errs = append(c.errs, errors.New(text))
}

func (c *checker) check(f file) (*Profile, error) {
	p := &Profile{
		Name: f.Name, Role: f.Role, Endpoint: f.Endpoint, Capabilities: f.Capabilities, Concurrency: max(1, f.Concurrency),
		Provision: f.Provision, Listen: f.Listen, Address: f.Address, Values: map[lwm2m.Path]string{},
	}
	if f.Profile != 1 {
		c.fail("profile", "profile: %d is no known version of the profile format: write profile: 1", f.Profile)
	}
	if f.Name == "" {
		c.fail("name", "name is missing: write how the reports shall call the implementation")
	}
	if !slices.Contains(Roles, f.Role) {
		c.fail("role", "role %q is none: write client, server or bootstrap-server", f.Role)
	}
	if f.Concurrency < 0 {
		c.fail("concurrency", "concurrency %d is less than 1", f.Concurrency)
	}
	c.versions(p, f.LwM2M)
	c.security(p, &f.Security)
	for _, n := range f.Formats {
		if cf := lwm2m.ContentFormat(n); cf.Known() {
			p.Formats = append(p.Formats, cf)
		} else {
			c.fail("formats", "formats: %d is no content format of LwM2M", n)
		}
	}
	for _, token := range slices.Sorted(maps.Keys(f.Capabilities)) {
		if _, ok := CapabilityText(token); !ok {
			c.fail("capabilities."+token, "the capability %q is unknown: see lwm2mspec iut check for all of them", token)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(f.Values)) {
		path, err := lwm2m.ParsePath(k)
		if err != nil {
			c.fail("values."+k, "values: %v", err)
			continue
		}
		p.Values[path] = f.Values[k]
	}
	p.Tolerances = Tolerances{f.Tolerances.ExpiryGrace.or(DefaultTolerances.ExpiryGrace), f.Tolerances.Notify.or(DefaultTolerances.Notify)}
	d, t := DefaultTimeouts, f.Timeouts
	p.Timeouts = Timeouts{
		Start: t.Start.or(d.Start), Register: t.Register.or(d.Register), Reaction: t.Reaction.or(d.Reaction), Answer: d.Answer,
		Operate: t.Operate.or(d.Operate), Case: t.Case.or(d.Case), Stop: t.Stop.or(d.Stop),
	}
	c.provision(p)
	c.control(p, f)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return p, nil
}

func (c *checker) versions(p *Profile, vs []string) {
	if len(vs) == 0 {
		c.fail("lwm2m", "lwm2m is missing: write the versions the implementation speaks, for example lwm2m: [\"1.1\"]")
	}
	for _, s := range vs {
		v, err := lwm2m.ParseVersion(s)
		if err != nil {
			c.fail("lwm2m", "lwm2m: %v (in quotes)", err)
			continue
		}
		p.Versions = append(p.Versions, v)
	}
}

func (c *checker) security(p *Profile, n *yaml.Node) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		c.fail("security", "security is missing: write the modes, for example security: {nosec: {}, psk: {}}")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		mode := n.Content[i].Value
		if mode != "nosec" && mode != "psk" {
			c.fail("security."+mode, "the security mode %q is unknown: write nosec or psk", mode)
			continue
		}
		var body struct {
			Identity string `yaml:"identity"`
			Key      string `yaml:"key"`
		}
		if err := n.Content[i+1].Decode(&body); err != nil {
			c.fail("security."+mode, "security.%s: write {} or {identity: …, key: … in hex}", mode)
			continue
		}
		for j := 0; j+1 < len(n.Content[i+1].Content); j += 2 {
			if k := n.Content[i+1].Content[j].Value; k != "identity" && k != "key" {
				c.fail("security."+mode+"."+k, "the key %q is unknown", k)
			}
		}
		key, err := hex.DecodeString(body.Key)
		if err != nil {
			c.fail("security."+mode+".key", "security.%s.key is not written in hex", mode)
		}
		if (body.Identity == "") != (len(key) == 0) {
			c.fail("security."+mode, "security.%s gives one of identity and key: give both, or none to have fresh ones", mode)
		}
		p.Security = append(p.Security, Security{Mode: mode, Identity: body.Identity, Key: key})
	}
}

func (c *checker) provision(p *Profile) {
	switch {
	case p.Role != "client" && p.Provision != "":
		c.fail("provision", "provision is for clients")
	case p.Provision == "":
		p.Provision = ByArgs
	case p.Provision != ByArgs && p.Provision != ByBootstrap && p.Provision != Preset:
		c.fail("provision", "provision %q is unknown: write args, bootstrap or preset", p.Provision)
	case p.Provision == Preset && p.Listen == "":
		c.fail("provision", "provision: preset needs listen, the address of the server that the device is set to")
	}
	if p.Listen != "" && p.Role != "client" {
		c.fail("listen", "listen is for clients: it is where our server listens")
	}
	if p.Address != "" && p.Role == "client" {
		c.fail("address", "address is for servers: it is where the implementation listens")
	}
}

func (c *checker) control(p *Profile, f file) {
	n := 0
	if f.Control.Embedded != nil {
		n++
	}
	if f.Control.Exec != nil {
		n++
		c.exec(f.Control.Exec)
	}
	if f.Control.Hooks != nil {
		n++
		c.hooks(f.Control.Hooks)
	}
	if n != 1 {
		c.fail("control", "control has %d of embedded, exec and hooks: write exactly one", n)
	}
	p.Control = Control{Embedded: f.Control.Embedded, Exec: f.Control.Exec}
	if f.Control.Hooks != nil {
		p.Control.Hooks = &f.Control.Hooks
	}
}

var placeholder = regexp.MustCompile(`\{([a-z0-9_]+)\}`)

// templates checks that a text has known placeholders only.
func (c *checker) templates(key, text string) {
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(Placeholders, m[1]) {
			c.fail(key, "%s: {%s} is no placeholder: use one of {%s}", key, m[1], strings.Join(Placeholders, "}, {"))
		}
	}
}

func (c *checker) exec(e *Exec) {
	if len(e.Command) == 0 {
		c.fail("control.exec", "control.exec has no command: write command: [program, argument, …]")
	}
	for _, w := range slices.Concat(e.Command, e.Bootstrap) {
		c.templates("control.exec.command", w)
	}
	for _, re := range []string{e.Ready, e.Answered} {
		if _, err := regexp.Compile(re); err != nil {
			c.fail("control.exec.ready", "control.exec: %v", err)
		}
	}
	for _, verb := range slices.Sorted(maps.Keys(e.Stdin)) {
		c.verb("control.exec.stdin."+verb, verb)
		c.templates("control.exec.stdin."+verb, e.Stdin[verb])
	}
}

func (c *checker) hooks(h Hooks) {
	for _, verb := range slices.Sorted(maps.Keys(h)) {
		key, hook := "control.hooks."+verb, h[verb]
		c.verb(key, verb)
		if (len(hook.Command) == 0) == (hook.URL == "") {
			c.fail(key, "%s needs either a command or a url", key)
		}
		for _, w := range append(slices.Clone(hook.Command), hook.URL, hook.Body) {
			c.templates(key, w)
		}
	}
}

func (c *checker) verb(key, verb string) {
	if !slices.Contains(Verbs, verb) {
		c.fail(key, "%q is no verb: use one of %s", verb, strings.Join(Verbs, ", "))
	}
}

// Verbs are the verbs a profile can give a line or a hook for. They are those of package control,
// which a test there holds against this list.
var Verbs = []string{
	"start", "stop", "power-cycle", "wipe", "configure", "trigger update", "trigger deregister", "trigger bootstrap", "trigger send",
	"set-value", "list-registrations", "forget",
	"operate read", "operate discover", "operate write", "operate write-update", "operate write-attributes", "operate execute",
	"operate create", "operate delete", "operate observe", "operate cancel-observe",
}

// Placeholders are what the templates of a control may contain.
var Placeholders = []string{
	"dir", "endpoint", "lwm2m", "security", "uri", "host", "port", "bootstrap", "lifetime", "binding", "short_server_id",
	"psk_identity", "psk_identity_hex", "psk_key_hex",
	"listen", "server_uri", "server_host", "server_port", "server_short_server_id", "server_lifetime", "server_psk_identity", "server_psk_identity_hex", "server_psk_key_hex",
	"path", "value", "format", "format_name", "attributes", "arguments",
	"default_pmin", "default_pmax", "disable_timeout", "self",
}
