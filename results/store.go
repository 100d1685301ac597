package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// StoreFile is the name of the store within a report folder.
const StoreFile = "results.ndjson"

// record is one line of the store.
type record struct {
	Kind    string  `json:"kind"` // run, started, result, finished
	Run     *Run    `json:"run,omitempty"`
	Key     *Key    `json:"key,omitempty"`
	Result  *Result `json:"result,omitempty"`
	Message string  `json:"message,omitempty"` // of finished: why the run ended early
}

// Store writes results as they come, each on the disk before the next step is taken, so that nothing
// obtained is lost whatever happens to the program.
type Store struct {
	mu sync.Mutex
	f  *os.File
}

// Create begins the store of a run in a folder, which is made if need be.
func Create(dir string, run Run) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, "captures"), 0o755); err != nil {
		return nil, fmt.Errorf("the report folder %s cannot be made: %w: choose another with --out", dir, errors.Unwrap(err))
	}
	f, err := os.Create(filepath.Join(dir, StoreFile))
	if err != nil {
		return nil, fmt.Errorf("the report folder %s cannot be written to: %w: choose another with --out", dir, errors.Unwrap(err))
	}
	s := &Store{f: f}
	return s, s.write(record{Kind: "run", Run: &run})
}

func (s *Store) write(r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("a result cannot be written down: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("the results cannot be written to %s: %w", s.f.Name(), err)
	}
	return s.f.Sync()
}

// Started notes that a play has begun.
func (s *Store) Started(k Key) error { return s.write(record{Kind: "started", Key: &k}) }

// Finished keeps the result of a play.
func (s *Store) Finished(r Result) error { return s.write(record{Kind: "result", Result: &r}) }

// Close ends the store; interrupted says why the run ended before all that was planned.
func (s *Store) Close(interrupted string) error {
	err := s.write(record{Kind: "finished", Message: interrupted})
	return errors.Join(err, s.f.Close())
}

// maxLine bounds a line of a store that somebody else may have written.
const maxLine = 256 << 20

// Load reads a store back. A run that was killed is read as far as it came: what had begun without
// coming to its end is a result with the verdict error.
func Load(dir string) (Run, []Result, error) {
	name := filepath.Join(dir, StoreFile)
	f, err := os.Open(name)
	if err != nil {
		return Run{}, nil, fmt.Errorf("%s cannot be read: %w: name the report folder of a run", name, errors.Unwrap(err))
	}
	defer f.Close()
	return Read(f)
}

// Read reads the lines of a store.
func Read(r io.Reader) (Run, []Result, error) {
	l := loader{open: map[Key]bool{}}
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if len(line) > maxLine {
			return l.run, l.results, fmt.Errorf("line %d of the results is longer than %d bytes", n, maxLine)
		}
		whole := err == nil
		if len(bytes.TrimSpace(line)) > 0 {
			if bad := l.take(line); bad != nil && whole {
				return l.run, l.results, fmt.Errorf("line %d of the results: %w", n, bad)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return l.run, l.results, fmt.Errorf("the results cannot be read: %w", err)
		}
	}
	if l.run.Schema == 0 {
		return l.run, nil, errors.New("the results have no head: this is no store of lwm2mspec")
	}
	l.end()
	return l.run, l.results, nil
}

type loader struct {
	run     Run
	results []Result
	order   []Key
	open    map[Key]bool
	ended   bool
}

func (l *loader) take(line []byte) error {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	switch {
	case r.Run != nil:
		if r.Run.Schema > Schema {
			return fmt.Errorf("schema %d is newer than this program, which knows %d", r.Run.Schema, Schema)
		}
		l.run = *r.Run
	case r.Kind == "started" && r.Key != nil:
		l.open[*r.Key] = true
		l.order = append(l.order, *r.Key)
	case r.Result != nil:
		delete(l.open, r.Result.Key)
		l.results = append(l.results, *r.Result)
	case r.Kind == "finished":
		l.ended = true
		l.run.Interrupted = r.Message
	}
	return nil
}

// end makes results of the plays that had begun.
func (l *loader) end() {
	for _, k := range l.order {
		if l.open[k] {
			delete(l.open, k)
			l.results = append(l.results, Result{Key: k, Verdict: Error, Reason: "the run ended in the middle of this case"})
		}
	}
	if !l.ended && l.run.Interrupted == "" {
		l.run.Interrupted = "the run was killed"
	}
}

// NotRun gives what was planned and has no result.
func NotRun(run Run, rs []Result) []Key {
	have := map[Key]bool{}
	for _, r := range rs {
		have[r.Key] = true
	}
	var out []Key
	for _, k := range run.Planned {
		if !have[k] {
			out = append(out, k)
		}
	}
	return out
}

// ExitCode is what a run ends with: 1 when something failed, else 2 when something is inconclusive or
// in error or nothing passed or the run was interrupted, else 0.
func ExitCode(run Run, rs []Result) int {
	passed, unclear := false, run.Interrupted != ""
	for _, r := range rs {
		switch r.Verdict {
		case Fail:
			return 1
		case Inconclusive, Error:
			unclear = true
		case Pass:
			passed = true
		case NotApplicable:
		}
	}
	if unclear || !passed {
		return 2
	}
	return 0
}
