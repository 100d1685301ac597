// Package registration reads and writes what a client says of itself: the parameters and the object
// list of Register and Update (Core 6.2), and the answers to Discover and Bootstrap-Discover.
package registration

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
)

// Parameters are those of Register and Update (Core 6.2.1, 6.2.2). A nil field was not sent.
type Parameters struct {
	Endpoint *string
	Lifetime *int64 // seconds
	LwM2M    *string
	Binding  *string
	Queue    bool // the flag Q
	SMS      *string
	Profile  *string
	Others   []string // parameters the specification does not have
}

// Operation tells Register from Update, whose parameters differ.
type Operation string

// The two operations that carry parameters.
const (
	Register Operation = "Register"
	Update   Operation = "Update"
)

var (
	digits   = regexp.MustCompile(`^[0-9]+$`)
	versions = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
	bindings = map[lwm2m.Version]*regexp.Regexp{
		lwm2m.V1_0: regexp.MustCompile(`^(U|UQ|S|SQ|US|UQS)$`),
		lwm2m.V1_1: regexp.MustCompile(`^[UTSN]+$`),
		lwm2m.V1_2: regexp.MustCompile(`^[UTSNMH]+$`),
	}
)

func finding(rule string, level lwm2m.RuleLevel, format string, args ...any) lwm2m.Finding {
	return lwm2m.Finding{Rule: "registration." + rule, Level: level, Text: fmt.Sprintf(format, args...)}
}

// ParseQuery reads the Uri-Query options of the operation under the rules of a version.
func ParseQuery(op Operation, queries []string, v lwm2m.Version) (Parameters, []lwm2m.Finding) {
	var p Parameters
	var fs []lwm2m.Finding
	seen := map[string]bool{}
	for _, q := range queries {
		name, value, has := strings.Cut(q, "=")
		if seen[name] {
			fs = append(fs, finding("parameter-twice", lwm2m.MUST, "the parameter %s stands twice", name))
		}
		seen[name] = true
		fs = append(fs, p.set(name, value, has, op, v)...)
	}
	if op == Register {
		fs = append(fs, p.missing(v)...)
	}
	return p, fs
}

func (p *Parameters) set(name, value string, has bool, op Operation, v lwm2m.Version) []lwm2m.Finding {
	bad := func(format string, args ...any) []lwm2m.Finding {
		return []lwm2m.Finding{finding(name, lwm2m.MUST, format, args...)}
	}
	never := op == Update && (name == "ep" || name == "lwm2m")
	if never {
		return bad("an Update carries %s, which never changes (Core 6.2.2)", name)
	}
	switch name {
	case "ep":
		p.Endpoint = &value
		if value == "" {
			return bad("ep is empty")
		}
	case "lt":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || !digits.MatchString(value) {
			return bad("lt=%s is no decimal number of seconds", value)
		}
		p.Lifetime = &n
	case "lwm2m":
		p.LwM2M = &value
		if !versions.MatchString(value) {
			return bad("lwm2m=%s is no version", value)
		}
	case "b":
		p.Binding = &value
		if re := bindings[v]; re != nil && !re.MatchString(value) {
			return bad("b=%s is no binding of LwM2M %s", value, v)
		}
	case "Q":
		p.Queue = true
		if has {
			return bad("Q has a value; it is a flag")
		}
		if v == lwm2m.V1_0 {
			return bad("Q is a flag of LwM2M 1.1; 1.0 has it within b")
		}
	case "sms":
		p.SMS = &value
		if !digits.MatchString(value) {
			return bad("sms=%s is no MSISDN: digits without a plus", value)
		}
	case "pid":
		p.Profile = &value
		if v < lwm2m.V1_2 {
			return bad("pid is a parameter of LwM2M 1.2")
		}
	default:
		p.Others = append(p.Others, name)
		return []lwm2m.Finding{finding("parameter", lwm2m.SHOULD, "the parameter %q is not one of %s", name, op)}
	}
	return nil
}

func (p *Parameters) missing(v lwm2m.Version) []lwm2m.Finding {
	var fs []lwm2m.Finding
	level := lwm2m.MUST
	if v == lwm2m.V1_0 {
		level = lwm2m.SHOULD // the 1.0 text is read as allowing the defaults 86400 and 1.0
		if p.Endpoint == nil {
			fs = append(fs, finding("ep", lwm2m.MUST, "ep is missing; LwM2M 1.0 requires it"))
		}
	}
	if p.Lifetime == nil {
		fs = append(fs, finding("lt", level, "lt is missing"))
	}
	if p.LwM2M == nil {
		fs = append(fs, finding("lwm2m", level, "lwm2m is missing"))
	}
	return fs
}

// Query writes the parameters as Uri-Query options, in the order of the specification.
func (p Parameters) Query() []string {
	var q []string
	add := func(name string, s *string) {
		if s != nil {
			q = append(q, name+"="+*s)
		}
	}
	add("ep", p.Endpoint)
	if p.Lifetime != nil {
		q = append(q, "lt="+strconv.FormatInt(*p.Lifetime, 10))
	}
	add("lwm2m", p.LwM2M)
	add("b", p.Binding)
	if p.Queue {
		q = append(q, "Q")
	}
	add("sms", p.SMS)
	add("pid", p.Profile)
	return q
}

// List is the object list of a Register or Update.
type List struct {
	Prefix    string // alternate path, "" for none
	Objects   map[uint16]string
	Instances []lwm2m.Path
	Formats   []lwm2m.ContentFormat // ct of the root link
	Root      bool                  // there is a root link
}

// Has reports whether an object or an instance of it is announced, or exactly that instance.
func (l List) Has(p lwm2m.Path) bool {
	if p.Len() == 1 {
		_, ok := l.Objects[p.Object()]
		return ok
	}
	return slices.Contains(l.Instances, p)
}

// InstancesOf gives the instances of an object, in order.
func (l List) InstancesOf(object uint16) []lwm2m.Path {
	var out []lwm2m.Path
	for _, p := range l.Instances {
		if p.Object() == object {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, lwm2m.Path.Compare)
	return out
}

// ParseList reads the body of a Register or Update under the rules of a version (Core 6.2.1, 7.2.3).
func ParseList(payload []byte, v lwm2m.Version) (List, []lwm2m.Finding) {
	links, fs := linkformat.Decode(payload)
	l := List{Objects: map[uint16]string{}}
	for _, k := range links {
		if rt, ok := k.Get("rt"); ok && slices.Contains(strings.Fields(rt.Value), "oma.lwm2m") && k.Target != "/" {
			l.Prefix = strings.TrimSuffix(k.Target, "/")
			if p, err := lwm2m.ParsePath(k.Target); err == nil && p.Len() > 0 {
				fs = append(fs, at(k, "alternate-path", lwm2m.MUST, "the alternate path %s has a numeric segment (Transport 6.4.1)", k.Target))
			}
		}
	}
	count := map[uint16]int{}
	var versioned []linkformat.Link
	for _, k := range links {
		fs = append(fs, l.link(k, count, &versioned)...)
	}
	for _, k := range versioned {
		if p, _ := k.Path(l.Prefix); count[p.Object()] > 1 {
			fs = append(fs, at(k, "ver", lwm2m.MUST, "ver stands on %s although object %d has %d instances: it belongs to the object's link (Core 7.2.3)", k.Target, p.Object(), count[p.Object()]))
		}
	}
	fs = append(fs, l.content(v)...)
	return l, fs
}

func at(k linkformat.Link, rule string, level lwm2m.RuleLevel, format string, args ...any) lwm2m.Finding {
	f := finding(rule, level, format, args...)
	f.Offset = k.Offset
	return f
}

func (l *List) link(k linkformat.Link, count map[uint16]int, versioned *[]linkformat.Link) []lwm2m.Finding {
	p, ok := k.Path(l.Prefix)
	if !ok {
		if k.Target == "/" {
			p, ok = lwm2m.Path{}, true
		} else {
			return []lwm2m.Finding{at(k, "target", lwm2m.MUST, "<%s> is no object and no object instance", k.Target)}
		}
	}
	var fs []lwm2m.Finding
	switch p.Level() {
	case lwm2m.LevelRoot:
		l.Root = true
		fs = l.root(k)
	case lwm2m.LevelObject:
		if _, twice := l.Objects[p.Object()]; twice && k.Target != "" && l.announced(p) {
			fs = append(fs, at(k, "twice", lwm2m.MUST, "<%s> stands twice", k.Target))
		}
		l.Objects[p.Object()] = version(k, l.Objects[p.Object()])
	case lwm2m.LevelInstance:
		if slices.Contains(l.Instances, p) {
			fs = append(fs, at(k, "twice", lwm2m.MUST, "<%s> stands twice", k.Target))
		}
		l.Instances = append(l.Instances, p)
		count[p.Object()]++
		if _, has := k.Get("ver"); has {
			*versioned = append(*versioned, k)
		}
		l.Objects[p.Object()] = version(k, l.Objects[p.Object()])
	default:
		fs = append(fs, at(k, "target", lwm2m.MUST, "<%s> is a %s; only objects and object instances are announced (Core 6.2.1)", k.Target, p.Level()))
	}
	if ver, has := k.Get("ver"); has && !versions.MatchString(ver.Value) {
		fs = append(fs, at(k, "ver", lwm2m.MUST, "ver=%s is no version", ver.Value))
	}
	return fs
}

// announced reports whether the object's own link came before: its instances alone do not count.
func (l *List) announced(p lwm2m.Path) bool { return len(l.InstancesOf(p.Object())) == 0 }

func version(k linkformat.Link, before string) string {
	if v, ok := k.Get("ver"); ok {
		return v.Value
	}
	return before
}

func (l *List) root(k linkformat.Link) []lwm2m.Finding {
	ct, ok := k.Get("ct")
	if !ok {
		return nil
	}
	var fs []lwm2m.Finding
	numbers := strings.Fields(ct.Value)
	if len(numbers) > 1 && !ct.Quoted {
		fs = append(fs, at(k, "ct", lwm2m.SHOULD, "several formats in ct are to be quoted"))
	}
	for _, s := range numbers {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			fs = append(fs, at(k, "ct", lwm2m.SHOULD, "%q in ct is no content format", s))
			continue
		}
		l.Formats = append(l.Formats, lwm2m.ContentFormat(n))
	}
	return fs
}

// content judges what the list names and what it leaves out.
func (l *List) content(v lwm2m.Version) []lwm2m.Finding {
	var fs []lwm2m.Finding
	forbidden := map[uint16]lwm2m.RuleLevel{0: lwm2m.MUST}
	if v >= lwm2m.V1_1 {
		forbidden[21] = lwm2m.MUST
	}
	if v >= lwm2m.V1_2 {
		forbidden[23] = lwm2m.SHOULD // since 1.2.1, which no message tells from 1.2.0
	}
	for _, o := range []uint16{0, 21, 23} {
		if _, has := l.Objects[o]; has && forbidden[o] != "" {
			fs = append(fs, finding("forbidden-object", forbidden[o], "object %d is announced, which never is (Core 6.2.1)", o))
		}
	}
	if len(l.InstancesOf(1)) == 0 {
		fs = append(fs, finding("mandatory-object", lwm2m.MUST, "no instance of object 1 is announced (Core 6.2.1)"))
	}
	if !slices.Contains(l.Instances, lwm2m.NewPath(3, 0)) {
		fs = append(fs, finding("mandatory-object", lwm2m.MUST, "</3/0> is not announced (Core 6.2.1)"))
	}
	return fs
}
