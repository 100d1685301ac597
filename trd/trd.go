// Package trd is the catalogue of testable requirements of LwM2M 1.0 to 1.2: what a criterion can prove
// or break. It knows no results and no cases.
package trd

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"sync"
)

// Edition names the catalogue in reports.
const Edition = "883 requirements of LwM2M 1.0.2, 1.1.1 and 1.2.2 and the RFCs they rest on, in the project's words"

// Requirement is one testable requirement.
type Requirement struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Text     string   `json:"text"`
	Role     string   `json:"role"`
	Level    string   `json:"level"`
	Versions []string `json:"versions"`
	Spec     []string `json:"spec"`          // document, version and section
	Testable string   `json:"testable"`      // wire, needs-hook, not-testable
	Cases    []string `json:"cases"`         // ETS cases that touch it
	Gap      bool     `json:"gap,omitempty"` // no ETS case touches it
	How      string   `json:"how"`           // how it can be seen
}

//go:embed requirements.jsonl
var catalogue []byte

// lines indexes the catalogue by id without reading it: most runs need a handful of the entries.
var lines = sync.OnceValue(func() map[string][]byte {
	m := map[string][]byte{}
	for line := range bytes.Lines(catalogue) {
		const prefix = `{"id": "`
		if rest, ok := bytes.CutPrefix(line, []byte(prefix)); ok {
			id, _, _ := bytes.Cut(rest, []byte(`"`))
			m[string(id)] = line
		}
	}
	return m
})

// Get gives a requirement by its id.
func Get(id string) (Requirement, bool) {
	line, ok := lines()[id]
	if !ok {
		return Requirement{}, false
	}
	var r Requirement
	if json.Unmarshal(line, &r) != nil {
		return Requirement{}, false
	}
	return r, true
}

// All gives every requirement in the order of the catalogue.
func All() []Requirement {
	var out []Requirement
	for line := range bytes.Lines(catalogue) {
		var r Requirement
		if json.Unmarshal(line, &r) == nil {
			out = append(out, r)
		}
	}
	return out
}
