// Package html is a placeholder until the page is there.
package html

import (
	"io"

	"github.com/lwm2mspec/lwm2mspec/results"
)

// Write writes the page.
func Write(w io.Writer, run results.Run, rs []results.Result) error {
	_, err := io.WriteString(w, "<!doctype html>")
	return err
}
