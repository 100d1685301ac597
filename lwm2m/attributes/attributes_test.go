package attributes_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	. "github.com/lwm2mspec/lwm2mspec/lwm2m/attributes"
)

type vector struct {
	Name     string
	Text     string
	Valid    bool
	Doubtful bool
	Since    string
	Reads    []string
	Rule     string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

func has(fs []lwm2m.Finding, rule string, level lwm2m.RuleLevel) bool {
	return slices.ContainsFunc(fs, func(f lwm2m.Finding) bool { return f.Rule == rule && f.Level == level })
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			as, fs := Parse(strings.Split(v.Text, "&"), 0)
			if v.Reads != nil && !slices.Equal(Query(as), v.Reads) {
				t.Errorf("reads as %v, want %v", Query(as), v.Reads)
			}
			switch must := lwm2m.BreaksMUST(fs); {
			case v.Doubtful && must, v.Valid && must:
				t.Errorf("breaks a MUST: %v", fs)
			case v.Doubtful && !v.Valid && len(fs) == 0:
				t.Error("no finding")
			case !v.Doubtful && !v.Valid && !has(fs, v.Rule, lwm2m.MUST):
				t.Errorf("does not break %s: %v", v.Rule, fs)
			}
			since, err := lwm2m.ParseVersion(v.Since)
			if err != nil {
				return
			}
			if _, fs := Parse(strings.Split(v.Text, "&"), since-1); !has(fs, "attributes.version", lwm2m.MUST) {
				t.Errorf("legal before %s: %v", since, fs)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		query string
		rule  string
		level lwm2m.RuleLevel
	}{
		{"gt=+5", "attributes.value", lwm2m.MUST},
		{"gt=1e3", "attributes.value", lwm2m.MUST},
		{"gt=.5", "attributes.value", lwm2m.MUST},
		{"gt=5.", "attributes.value", lwm2m.MUST},
		{"gt=-", "attributes.value", lwm2m.MUST},
		{"gt=0x1p3", "attributes.value", lwm2m.MUST},
		{"pmin=1.5", "attributes.value", lwm2m.MUST},
		{"pmin= 5", "attributes.value", lwm2m.MUST},
		{"pmax=99999999999999999999", "attributes.value", lwm2m.MUST},
		{"hqmax=-1", "attributes.value", lwm2m.MUST},
		{"=5", "attributes.name", lwm2m.MUST},
		{"PMIN=5", "attributes.name", lwm2m.MUST},
		{"pmin&pmin", "attributes.twice", lwm2m.MUST},
		{"lt=10&gt=20&st=5", "attributes.together", lwm2m.MUST},
		{"lt=0.1&gt=0.3&st=0.1", "attributes.together", lwm2m.MUST}, // equal in decimals, not in doubles
		{"st=0", "attributes.st-zero", lwm2m.SHOULD},
		{"st=0.00", "attributes.st-zero", lwm2m.SHOULD},
		{"lt=-5", "attributes.sign", lwm2m.SHOULD},
		{"epmin=5&epmax=5", "attributes.epmin-epmax", lwm2m.SHOULD},
	} {
		if _, fs := Parse(strings.Split(c.query, "&"), lwm2m.V1_2); !has(fs, c.rule, c.level) {
			t.Errorf("%s: no %s: %v", c.query, c.rule, fs)
		}
	}
	for _, q := range []string{"lt=0.1&gt=0.31&st=0.1", "st=0.001", "gt=10&lt", "lt=50&gt", "pmin=0&pmax=0"} {
		if _, fs := Parse(strings.Split(q, "&"), lwm2m.V1_2); len(fs) > 0 {
			t.Errorf("%s: %v", q, fs)
		}
	}
	if _, fs := Parse([]string{"lt=-5"}, lwm2m.V1_1); len(fs) > 0 {
		t.Errorf("lt=-5 in 1.1: %v", fs)
	}
	if _, fs := Parse([]string{"pmin=1", "pmax=x"}, 0); len(fs) != 1 || fs[0].Offset != 7 {
		t.Errorf("the offset of pmax in pmin=1&pmax=x: %v", fs)
	}
}

func TestParseObserve(t *testing.T) {
	for _, c := range []struct {
		query     string
		version   lwm2m.Version
		composite bool
		rule      string
	}{
		{"pmin=5", lwm2m.V1_1, false, "attributes.observe"},
		{"pmin", lwm2m.V1_2, false, "attributes.value"},
		{"gt=5", lwm2m.V1_2, true, "attributes.composite"},
		{"gt=5&edge=1&hqmax=3", lwm2m.V1_2, false, ""},
		{"pmin=5&pmax=6&epmin=1&epmax=2&con=1", lwm2m.V1_2, true, ""},
	} {
		_, fs := ParseObserve(strings.Split(c.query, "&"), c.version, c.composite)
		if c.rule == "" && len(fs) > 0 || c.rule != "" && !has(fs, c.rule, lwm2m.MUST) {
			t.Errorf("%s in %s: %v, want %q", c.query, c.version, fs, c.rule)
		}
	}
	if _, fs := ParseObserve(nil, lwm2m.V1_0, false); len(fs) > 0 {
		t.Errorf("no attributes in 1.0: %v", fs)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		typ     lwm2m.Type
		version lwm2m.Version
		rule    string
	}{
		{"pmin", "/3", lwm2m.Unknown, lwm2m.V1_0, ""},
		{"pmin", "/3/0/7/1", lwm2m.Integer, lwm2m.V1_1, ""},
		{"pmin", "/3/0/7/1", lwm2m.Integer, lwm2m.V1_0, "attributes.level"},
		{"pmin", "/", lwm2m.Unknown, lwm2m.V1_1, "attributes.level"},
		{"gt", "/3/0", lwm2m.Unknown, lwm2m.V1_1, "attributes.level"},
		{"gt", "/3/0/9", lwm2m.Integer, lwm2m.V1_1, ""},
		{"st", "/3/0/13", lwm2m.Time, lwm2m.V1_1, ""},
		{"lt", "/3/0/0", lwm2m.String, lwm2m.V1_1, "attributes.type"},
		{"lt", "/3/0/0", lwm2m.Unknown, lwm2m.V1_1, ""},
		{"edge", "/3303/0/5700", lwm2m.Float, lwm2m.V1_2, "attributes.type"},
		{"edge", "/3342/0/5500", lwm2m.Boolean, lwm2m.V1_2, ""},
		{"edge", "/3342", lwm2m.Unknown, lwm2m.V1_2, "attributes.level"},
		{"gt", "/3342/0/5500", lwm2m.Boolean, lwm2m.V1_2, "attributes.type"},
	} {
		fs := Check([]Attribute{{Name: c.name, Value: "1"}}, lwm2m.MustParsePath(c.path), c.typ, c.version)
		if c.rule == "" && len(fs) > 0 || c.rule != "" && !has(fs, c.rule, lwm2m.MUST) {
			t.Errorf("%s at %s: %v, want %q", c.name, c.path, fs, c.rule)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		as, fs := Parse(strings.Split(s, "&"), 0)
		if lwm2m.BreaksMUST(fs) {
			return
		}
		if again := strings.Join(Query(as), "&"); again != s {
			t.Errorf("%q is written as %q", s, again)
		}
		Resolve(as, Defaults{})
	})
}
