package attributes

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
)

// Set holds the attributes that one server has attached, by path.
type Set map[lwm2m.Path]map[string]string

// Apply attaches and removes.
func (s Set) Apply(p lwm2m.Path, as []Attribute) {
	for _, a := range as {
		if a.Remove {
			delete(s[p], a.Name)
			continue
		}
		if s[p] == nil {
			s[p] = map[string]string{}
		}
		s[p][a.Name] = a.Value
	}
}

// Drop forgets what is attached at and below p, as when p is deleted.
func (s Set) Drop(p lwm2m.Path) {
	for q := range s {
		if p.Contains(q) {
			delete(s, q)
		}
	}
}

// At gives the attributes attached at exactly p, by name in order.
func (s Set) At(p lwm2m.Path) []Attribute {
	return sorted(s[p])
}

func sorted(m map[string]string) []Attribute {
	var out []Attribute
	for n, v := range m {
		out = append(out, Attribute{Name: n, Value: v})
	}
	slices.SortFunc(out, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Holding gives the attributes that hold at p, attached there or inherited from the nearest level
// above that has them (Core 7.3.2), by name in order.
func (s Set) Holding(p lwm2m.Path) []Attribute {
	m := map[string]string{}
	for q := p; q.Len() > 0; q = q.Parent() {
		for n, v := range s[q] {
			if _, nearer := m[n]; !nearer {
				m[n] = v
			}
		}
	}
	return sorted(m)
}

// Value gives the number that holds at p: of the path itself, else of the nearest level above it
// (resource instance, resource, instance, object).
func (s Set) Value(p lwm2m.Path, name string) (float64, bool) {
	for q := p; q.Len() > 0; q = q.Parent() {
		if v, ok := s[q][name]; ok {
			f, err := strconv.ParseFloat(v, 64)
			return f, err == nil
		}
	}
	return 0, false
}

// Defaults are what holds where no attribute does: resources 2, 3 and, since 1.2, 26 of the Server
// object; nil for one that the instance does not have.
type Defaults struct {
	MinPeriod   *int64 // seconds
	MaxPeriod   *int64 // seconds, 0 for none
	Confirmable *bool
}

// Conditions are what holds for the notifications of one observation.
type Conditions struct {
	MinPeriod     time.Duration
	MaxPeriod     time.Duration // 0 for none
	EvaluateMin   time.Duration
	EvaluateMax   time.Duration // 0 for none
	GreaterThan   *float64
	LessThan      *float64
	Step          *float64
	Rising        *bool // edge: true for 1, false to true
	Confirmable   *bool
	HistoryLength *int64
}

// Conditions resolves what holds at the observed path p. Attributes below p have no part in it
// (Core 6.4.1, since 1.2.1 in words).
func (s Set) Conditions(p lwm2m.Path, d Defaults) Conditions { return Resolve(s.Holding(p), d) }

// Resolve makes conditions of attributes, for example those of an Observe, which stand in for all that
// are attached (Core 6.4.1, since 1.2). A maximum period of 0 or below the minimum period is ignored,
// as are gt, lt and st that contradict each other (Core 5.1.2).
func Resolve(as []Attribute, d Defaults) Conditions {
	c := Conditions{Confirmable: d.Confirmable}
	if d.MinPeriod != nil {
		c.MinPeriod = period(*d.MinPeriod)
	}
	if d.MaxPeriod != nil {
		c.MaxPeriod = period(*d.MaxPeriod)
	}
	for _, a := range as {
		if !a.Remove && CheckValue(a.Name, a.Value) == nil {
			c.set(a)
		}
	}
	if c.MaxPeriod < c.MinPeriod {
		c.MaxPeriod = 0
	}
	if Inconsistent(rat(c.GreaterThan), rat(c.LessThan), rat(c.Step)) != "" {
		c.GreaterThan, c.LessThan, c.Step = nil, nil, nil
	}
	return c
}

func (c *Conditions) set(a Attribute) {
	f, _ := strconv.ParseFloat(a.Value, 64)
	n, _ := strconv.ParseInt(a.Value, 10, 64)
	yes := a.Value == "1"
	switch a.Name {
	case "pmin":
		c.MinPeriod = period(n)
	case "pmax":
		c.MaxPeriod = period(n)
	case "epmin":
		c.EvaluateMin = period(n)
	case "epmax":
		c.EvaluateMax = period(n)
	case "gt":
		c.GreaterThan = &f
	case "lt":
		c.LessThan = &f
	case "st":
		c.Step = &f
	case "edge":
		c.Rising = &yes
	case "con":
		c.Confirmable = &yes
	case "hqmax":
		c.HistoryLength = &n
	}
}

// period is seconds as a duration; what no duration can hold is the longest.
func period(n int64) time.Duration {
	if n > int64(math.MaxInt64/time.Second) {
		return math.MaxInt64
	}
	return time.Duration(max(n, 0)) * time.Second
}

func rat(f *float64) *big.Rat {
	if f == nil {
		return nil
	}
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(*f, 'f', -1, 64))
	if !ok {
		return nil
	}
	return r
}

// Qualifies reports whether a change from the last notified value to now asks for a notification
// (Core 5.1.2): any change when there is no gt, lt, st or edge; else a crossing of gt or lt in either
// direction (as LwM2M 1.2.2 and draft-ietf-core-conditional-attributes read it; 1.1 and 1.2.0 were
// silent on the way back), a distance of at least st, or the edge.
func (c Conditions) Qualifies(last, now lwm2m.Value) bool {
	if c.Rising == nil && c.GreaterThan == nil && c.LessThan == nil && c.Step == nil {
		return !last.Equal(now)
	}
	if c.Rising != nil && last.Type() == lwm2m.Boolean && now.Type() == lwm2m.Boolean && last.Bool() != now.Bool() && now.Bool() == *c.Rising {
		return true
	}
	a, aok := asFloat(last)
	b, bok := asFloat(now)
	if !aok || !bok {
		return false
	}
	switch {
	case c.GreaterThan != nil && (a > *c.GreaterThan) != (b > *c.GreaterThan):
		return true
	case c.LessThan != nil && (a < *c.LessThan) != (b < *c.LessThan):
		return true
	}
	return c.Step != nil && math.Abs(a-b) >= *c.Step && a != b
}

func asFloat(v lwm2m.Value) (float64, bool) {
	switch v.Type() {
	case lwm2m.Integer, lwm2m.Time:
		return float64(v.Int()), true
	case lwm2m.Unsigned:
		return float64(v.Uint()), true
	case lwm2m.Float:
		return v.Float(), true
	}
	return 0, false
}

// Due says whether a notification is due now, given whether a qualifying change waits and how long ago
// the last one was sent (Core 5.1.2: the change and the minimum period over, or the maximum period
// over). When none is, wait is how long until one is, 0 when only a change can bring one.
func (c Conditions) Due(pending bool, since time.Duration) (due bool, wait time.Duration) {
	if pending && since >= c.MinPeriod || c.MaxPeriod > 0 && since >= c.MaxPeriod {
		return true, 0
	}
	if pending {
		wait = c.MinPeriod - since
	}
	if c.MaxPeriod > 0 && (wait == 0 || c.MaxPeriod-since < wait) {
		wait = c.MaxPeriod - since
	}
	return false, wait
}
