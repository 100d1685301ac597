// Package profile is what a user writes about an implementation under test: a strict YAML file with
// its role, versions, security modes, capabilities, expected values, tolerances, bounds and the way it
// is controlled. It reads, checks and explains profiles; it starts nothing.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Roles are the roles of an IUT as a profile spells them.
var Roles = []string{"client", "server", "bootstrap-server"}

// Profile is a checked profile.
type Profile struct {
	File         string // where it was read; "embedded" for the reference peers
	Dir          string // its folder, against which commands are run
	Name         string
	Role         string
	Versions     []lwm2m.Version
	Security     []Security // in the order of the file
	Endpoint     string     // endpoint client name; empty: made per play
	Formats      []lwm2m.ContentFormat
	Capabilities map[string]State
	Values       map[lwm2m.Path]string
	Tolerances   Tolerances
	Timeouts     Timeouts
	Concurrency  int
	Provision    Provision
	Listen       string // client: where our server has to listen, when the device cannot be told
	Address      string // server: where the IUT listens, when it cannot be told
	Control      Control
}

// Security is one security mode of the IUT with fixed credentials, if it has any; otherwise they are
// made fresh per run.
type Security struct {
	Mode     string // nosec or psk
	Identity string
	Key      []byte
}

// Tolerances widen what a criterion measures.
type Tolerances struct {
	ExpiryGrace time.Duration // after a lifetime, before a server must have forgotten
	Notify      time.Duration // around pmin and pmax
}

// Timeouts bound every wait.
type Timeouts struct {
	Start    time.Duration // until the IUT runs
	Register time.Duration // until a client has registered, or bootstrapped
	Reaction time.Duration // until a step of the IUT comes
	Answer   time.Duration // until our own peer's answer stands in the trace
	Operate  time.Duration // until a server's API has returned
	Case     time.Duration // for a whole play
	Stop     time.Duration // until the IUT has stopped
}

// DefaultTimeouts hold where the profile sets none; Reaction is MAX_TRANSMIT_WAIT (RFC 7252 section
// 4.8.2).
var DefaultTimeouts = Timeouts{
	Start: 30 * time.Second, Register: 60 * time.Second, Reaction: 93 * time.Second, Answer: 10 * time.Second,
	Operate: 30 * time.Second, Case: 15 * time.Minute, Stop: 10 * time.Second,
}

// DefaultTolerances hold where the profile sets none.
var DefaultTolerances = Tolerances{ExpiryGrace: 5 * time.Second, Notify: time.Second}

// Provision says how a configuration of the ETS gets into a client.
type Provision string

// The ways of provisioning.
const (
	ByArgs      Provision = "args"
	ByBootstrap Provision = "bootstrap"
	Preset      Provision = "preset"
)

// Control is how the IUT is reached: one of Embedded, Exec and Hooks.
type Control struct {
	Embedded *Embedded
	Exec     *Exec
	Hooks    *Hooks
}

// Kind names the control for the reports.
func (c Control) Kind() string {
	switch {
	case c.Exec != nil:
		return "exec"
	case c.Hooks != nil:
		return "hooks"
	}
	return "embedded"
}

// Embedded is the reference peer of the profile's role.
type Embedded struct {
	Misbehave string `yaml:"misbehave"` // name of a deviation
}

// Exec starts the IUT as a process and writes lines to its stdin. Words and lines are templates:
// {uri}, {endpoint}, {lifetime} and the like are filled in per play.
type Exec struct {
	Command []string `yaml:"command"`
	// Bootstrap is the command for plays in which the client has a bootstrap-server account only;
	// empty: Command, whose templates can tell by {bootstrap}.
	Bootstrap []string          `yaml:"bootstrap"`
	Env       map[string]string `yaml:"env"`
	Ready     string            `yaml:"ready"` // regular expression of a line that says it runs; empty: at once
	Stdin     map[string]string `yaml:"stdin"` // verb to line
	// Answered is a regular expression of the line by which the IUT answers a stdin line; empty: not
	// waited for.
	Answered string `yaml:"answered"`
}

// Hooks runs a command or sends an HTTP request per verb.
type Hooks map[string]Hook

// Hook is one of Command and URL.
type Hook struct {
	Command []string          `yaml:"command"`
	Method  string            `yaml:"method"` // of an HTTP request; POST unless given
	URL     string            `yaml:"url"`
	Header  map[string]string `yaml:"header"`
	Body    string            `yaml:"body"`
}

// file is the YAML form; an unknown key is an error with its line.
type file struct {
	Profile      int               `yaml:"profile"`
	Name         string            `yaml:"name"`
	Role         string            `yaml:"role"`
	LwM2M        []string          `yaml:"lwm2m"`
	Endpoint     string            `yaml:"endpoint"`
	Security     yaml.Node         `yaml:"security"`
	Formats      []uint16          `yaml:"formats"`
	Capabilities map[string]State  `yaml:"capabilities"`
	Values       map[string]string `yaml:"values"`
	Tolerances   struct {
		ExpiryGrace duration `yaml:"expiry_grace"`
		Notify      duration `yaml:"notify_tolerance"`
	} `yaml:"tolerances"`
	Timeouts struct {
		Start    duration `yaml:"start"`
		Register duration `yaml:"register"`
		Reaction duration `yaml:"reaction"`
		Operate  duration `yaml:"operate"`
		Case     duration `yaml:"case"`
		Stop     duration `yaml:"stop"`
	} `yaml:"timeouts"`
	Concurrency int       `yaml:"concurrency"`
	Provision   Provision `yaml:"provision"`
	Listen      string    `yaml:"listen"`
	Address     string    `yaml:"address"`
	Control     struct {
		Embedded *Embedded `yaml:"embedded"`
		Exec     *Exec     `yaml:"exec"`
		Hooks    Hooks     `yaml:"hooks"`
	} `yaml:"control"`
}

// duration is a Go duration such as "5s".
type duration time.Duration

// UnmarshalYAML reads "5s", "2m30s".
func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v <= 0 {
		return fmt.Errorf("line %d: %q is no duration: write for example 5s or 2m", n.Line, n.Value)
	}
	*d = duration(v)
	return nil
}

func (d duration) or(def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return time.Duration(d)
}

// Load reads and checks a profile. An error names the file, the line where there is one, what is wrong
// and what to write; all of them come at once, joined.
func Load(path string) (*Profile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the profile %s cannot be read: %w", path, errors.Unwrap(err))
	}
	p, err := Parse(b)
	if err != nil {
		return nil, prefix(path, err)
	}
	abs, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.File, p.Dir = path, abs
	return p, nil
}

func prefix(path string, err error) error {
	var out []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		out = append(out, fmt.Errorf("%s: %s", path, line))
	}
	return errors.Join(out...)
}

// Parse reads and checks the text of a profile.
func Parse(b []byte) (*Profile, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, explainYAML(err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is a second document: a profile is one")
	}
	c := checker{lines: keyLines(b)}
	return c.check(f)
}

// explainYAML says in our words what the library says in its own.
func explainYAML(err error) error {
	var te *yaml.TypeError
	if errors.Is(err, io.EOF) {
		return errors.New("the profile is empty: begin with \"profile: 1\"")
	}
	if !errors.As(err, &te) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var out []error
	for _, e := range te.Errors {
		if i := strings.Index(e, "field "); i >= 0 && strings.Contains(e, " not found in type") {
			key := strings.Fields(e[i:])[1]
			out = append(out, fmt.Errorf("%sthe key %q is unknown", e[:i], key))
			continue
		}
		out = append(out, errors.New(e))
	}
	return errors.Join(out...)
}

// keyLines finds the line of each top-level key, and of each key one below as "a.b".
func keyLines(b []byte) map[string]int {
	var n yaml.Node
	lines := map[string]int{}
	if yaml.Unmarshal(b, &n) != nil || len(n.Content) == 0 {
		return lines
	}
	var walk func(n *yaml.Node, at string)
	walk = func(n *yaml.Node, at string) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := strings.TrimPrefix(at+"."+n.Content[i].Value, ".")
			lines[k] = n.Content[i].Line
			walk(n.Content[i+1], k)
		}
	}
	walk(n.Content[0], "")
	return lines
}

// HasVersion reports whether the IUT declares the version.
func (p *Profile) HasVersion(v lwm2m.Version) bool { return slices.Contains(p.Versions, v) }

// Mode gives the security mode by name.
func (p *Profile) Mode(name string) (Security, bool) {
	for _, s := range p.Security {
		if s.Mode == name {
			return s, true
		}
	}
	return Security{}, false
}
