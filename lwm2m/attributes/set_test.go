package attributes_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	. "github.com/lwm2mspec/lwm2mspec/lwm2m/attributes"
)

func parse(t *testing.T, query string) []Attribute {
	t.Helper()
	as, fs := Parse(strings.Split(query, "&"), 0)
	if lwm2m.BreaksMUST(fs) {
		t.Fatal(query, fs)
	}
	return as
}

func TestPrecedence(t *testing.T) {
	s := Set{}
	attach := func(path, query string) { s.Apply(lwm2m.MustParsePath(path), parse(t, query)) }
	attach("/3", "pmin=1&pmax=100")
	attach("/3/0", "pmin=2&epmin=5")
	attach("/3/0/7", "pmin=3&gt=10")
	attach("/3/0/7/1", "pmin=4&lt=5")
	attach("/3/1", "pmax=7")
	for _, c := range []struct{ path, want string }{
		{"/3", "pmax=100&pmin=1"},
		{"/3/0", "epmin=5&pmax=100&pmin=2"},
		{"/3/0/7", "epmin=5&gt=10&pmax=100&pmin=3"},
		{"/3/0/7/1", "epmin=5&gt=10&lt=5&pmax=100&pmin=4"},
		{"/3/0/7/2", "epmin=5&gt=10&pmax=100&pmin=3"},
		{"/3/1/9", "pmax=7&pmin=1"},
		{"/4", ""},
	} {
		if got := strings.Join(Query(s.Holding(lwm2m.MustParsePath(c.path))), "&"); got != c.want {
			t.Errorf("at %s hold %s, want %s", c.path, got, c.want)
		}
	}
	attach("/3/0/7", "pmin")
	if v, ok := s.Value(lwm2m.MustParsePath("/3/0/7"), "pmin"); !ok || v != 2 {
		t.Errorf("after its removal pmin is %v, that of the instance is due", v)
	}
	s.Drop(lwm2m.MustParsePath("/3/0"))
	if got := Query(s.Holding(lwm2m.MustParsePath("/3/0/7/1"))); !slices.Equal(got, []string{"pmax=100", "pmin=1"}) {
		t.Errorf("after the instance is gone hold %v", got)
	}
}

func TestResolve(t *testing.T) {
	ten, sixty := int64(10), int64(60)
	d := Defaults{MinPeriod: &ten, MaxPeriod: &sixty}
	for _, c := range []struct {
		query    string
		min, max time.Duration
	}{
		{"con=1", 10 * time.Second, 60 * time.Second},
		{"pmin=0", 0, 60 * time.Second},
		{"pmax=0", 10 * time.Second, 0},
		{"pmax=5", 10 * time.Second, 0}, // below the minimum period: ignored
		{"pmax=10", 10 * time.Second, 10 * time.Second},
		{"pmin=61", 61 * time.Second, 0},
		{"pmin=999999999999999999", 1<<63 - 1, 0},
	} {
		got := Resolve(parse(t, c.query), d)
		if got.MinPeriod != c.min || got.MaxPeriod != c.max {
			t.Errorf("%s: %v to %v, want %v to %v", c.query, got.MinPeriod, got.MaxPeriod, c.min, c.max)
		}
	}
	s := Set{}
	p := lwm2m.MustParsePath("/3303/0/5700")
	s.Apply(p, parse(t, "gt=20"))
	s.Apply(p, parse(t, "lt=30&hqmax=5&edge=1"))
	c := s.Conditions(p, Defaults{})
	if c.GreaterThan != nil || c.LessThan != nil {
		t.Error("a gt below the lt of another request is applied")
	}
	if c.HistoryLength == nil || *c.HistoryLength != 5 || c.Rising == nil || !*c.Rising {
		t.Errorf("%+v", c)
	}
}

// The numbers are those of the examples in Core 7.3.2.
func TestQualifies(t *testing.T) {
	i := func(n int64) lwm2m.Value { return lwm2m.IntegerValue(n) }
	f := lwm2m.FloatValue
	b := lwm2m.BooleanValue
	for _, c := range []struct {
		query     string
		last, now lwm2m.Value
		want      bool
	}{
		{"gt=45&st=10", i(45), i(50), true},
		{"gt=45&st=10", i(38), i(49), true},
		{"gt=45&st=10", i(48), i(55), false},
		{"lt=20&gt=85&st=10", i(17), i(24), true},
		{"lt=20&gt=85&st=10", i(75), i(90), true},
		{"lt=20&gt=85&st=10", i(50), i(10), true},
		{"lt=20&gt=85&st=10", i(87), i(99), true},
		{"lt=20&gt=85&st=10", i(87), i(86), false},
		{"lt=-30.55", f(-30.5), f(-30.6), true},
		{"st=0.5", f(1), f(1.5), true},
		{"st=0", f(1), f(1), false},
		{"edge=1", b(false), b(true), true},
		{"edge=1", b(true), b(false), false},
		{"edge=0", b(true), b(false), true},
		{"edge=0", b(true), b(true), false},
		{"pmin=1", i(1), i(2), true},
		{"pmin=1", i(2), i(2), false},
		{"pmin=1", lwm2m.StringValue("a"), lwm2m.StringValue("b"), true},
		{"gt=1", lwm2m.StringValue("a"), lwm2m.StringValue("b"), false},
		{"gt=1", lwm2m.UnsignedValue(1), lwm2m.TimeValue(2), true},
	} {
		if got := Resolve(parse(t, c.query), Defaults{}).Qualifies(c.last, c.now); got != c.want {
			t.Errorf("%s: from %s to %s %v, want %v", c.query, c.last, c.now, got, c.want)
		}
	}
}

func TestDue(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		query   string
		pending bool
		since   time.Duration
		due     bool
		wait    time.Duration
	}{
		{"pmin=10", true, 0, false, 10 * s},
		{"pmin=10", true, 10 * s, true, 0},
		{"pmin=10", false, 100 * s, false, 0},
		{"pmin=10&pmax=60", false, 20 * s, false, 40 * s},
		{"pmin=10&pmax=60", false, 60 * s, true, 0},
		{"pmin=10&pmax=60", true, 4 * s, false, 6 * s},
		{"pmax=60", true, 0, true, 0},
	} {
		due, wait := Resolve(parse(t, c.query), Defaults{}).Due(c.pending, c.since)
		if due != c.due || wait != c.wait {
			t.Errorf("%s after %v: %v %v", c.query, c.since, due, wait)
		}
	}
}
