// Package reports turns results into what people and programs read: JUnit for CI, HTML for people, JSON
// for programs, text for the terminal. It knows results and requirements, no sockets and no protocol.
package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lwm2mspec/lwm2mspec/reports/html"
	"github.com/lwm2mspec/lwm2mspec/results"
)

// Document is results.json: a whole run.
type Document struct {
	Schema  int              `json:"schema"`
	Run     results.Run      `json:"run"`
	Results []results.Result `json:"results"`
	NotRun  []results.Key    `json:"not_run,omitempty"`
}

// WriteAll writes results.json, junit.xml and report.html into the folder.
func WriteAll(dir string, run results.Run, rs []results.Result) error {
	return errors.Join(
		writeFile(filepath.Join(dir, "results.json"), func(w io.Writer) error { return JSON(w, run, rs) }),
		writeFile(filepath.Join(dir, "junit.xml"), func(w io.Writer) error { return JUnit(w, run, rs) }),
		writeFile(filepath.Join(dir, "report.html"), func(w io.Writer) error { return html.Write(w, run, rs) }),
	)
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, errors.Unwrap(err))
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s cannot be written: %w", name, err)
	}
	return f.Close()
}

// JSON writes the whole run as one document.
func JSON(w io.Writer, run results.Run, rs []results.Result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(Document{Schema: results.Schema, Run: run, Results: rs, NotRun: results.NotRun(run, rs)})
}
