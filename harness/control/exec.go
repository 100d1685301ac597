package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/lwm2mspec/lwm2mspec/harness/profile"
)

// Process is an IUT that is started as a process and told things by lines on its stdin.
type Process struct {
	profile *profile.Profile
	exec    *profile.Exec
	values  map[string]string

	mu      sync.Mutex
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	output  lines
	ended   chan struct{}
	exited  chan struct{} // closed when the process of this life is gone
	told    bool          // that it shall end
	err     error
	endOnce sync.Once
}

// NewProcess makes the control of a profile with control.exec.
func NewProcess(p *profile.Profile) *Process {
	return &Process{profile: p, exec: p.Control.Exec, ended: make(chan struct{})}
}

// Start runs the command and waits for the line that says it is ready.
func (p *Process) Start(ctx context.Context, s Setup) error {
	p.values = placeholders(p.profile.Dir, s)
	command := p.exec.Command
	if p.values["bootstrap"] == "true" && len(p.exec.Bootstrap) > 0 {
		command = p.exec.Bootstrap
	}
	words := fillAll(command, p.values)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = p.profile.Dir
	cmd.Env = os.Environ()
	for k, v := range p.exec.Env {
		cmd.Env = append(cmd.Env, k+"="+fill(v, p.values))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that the whole group can be killed
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("the stdin of %s cannot be had: %w", words[0], err)
	}
	ready, err := regexp.Compile(p.exec.Ready)
	if err != nil {
		return fmt.Errorf("control.exec.ready: %w", err)
	}
	seen := p.output.await(ready)
	out := &lineWriter{to: &p.output}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("the IUT cannot be started: %w: see control.exec.command in %s", err, p.profile.File)
	}
	exited := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.stdin, p.exited, p.told = cmd, stdin, exited, false
	p.mu.Unlock()
	go p.wait(cmd, exited)
	if p.exec.Ready == "" {
		return nil
	}
	t := time.NewTimer(p.profile.Timeouts.Start)
	defer t.Stop()
	select {
	case <-seen:
		return nil
	case <-exited:
		return p.Err()
	case <-t.C:
		return fmt.Errorf("the IUT runs, but no line matching %q came within %v: see control.exec.ready and timeouts.start in %s", p.exec.Ready, p.profile.Timeouts.Start, p.profile.File)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *Process) wait(cmd *exec.Cmd, exited chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	told := p.told
	if !told {
		p.err = fmt.Errorf("the IUT's process ended by itself: %s", exitText(cmd, err))
		if last := p.output.last(); last != "" {
			p.err = fmt.Errorf("%w; its last line was %q", p.err, last)
		}
	}
	p.mu.Unlock()
	close(exited)
	if !told {
		p.endOnce.Do(func() { close(p.ended) })
	}
}

func exitText(cmd *exec.Cmd, err error) string {
	if cmd.ProcessState != nil {
		return cmd.ProcessState.String()
	}
	return fmt.Sprint(err)
}

// Supports says whether there is a line for the verb; start, stop and power-cycle need none.
func (p *Process) Supports(v Verb) bool {
	switch v {
	case Start, Stop, PowerCycle, Configure:
		return true
	}
	_, ok := p.exec.Stdin[string(v)]
	return ok
}

// Do writes the verb's line; where the profile says how the IUT answers, it waits for that line.
func (p *Process) Do(ctx context.Context, r Request) (string, error) {
	line, ok := p.exec.Stdin[string(r.Verb)]
	if !ok {
		if r.Verb == Stop {
			return "", p.terminate(ctx)
		}
		return "", fmt.Errorf("%s: %w: add control.exec.stdin.%q to %s", r.Verb, ErrUnsupported, r.Verb, p.profile.File)
	}
	var answered <-chan string
	if p.exec.Answered != "" {
		re, err := regexp.Compile(p.exec.Answered)
		if err != nil {
			return "", fmt.Errorf("control.exec.answered: %w", err)
		}
		answered = p.output.await(re)
	}
	p.mu.Lock()
	stdin, exited := p.stdin, p.exited
	if r.Verb == Stop {
		p.told = true
	}
	p.mu.Unlock()
	if stdin == nil {
		return "", errors.New("the IUT has not been started")
	}
	if _, err := io.WriteString(stdin, fill(line, request(p.values, r))+"\n"); err != nil {
		return "", fmt.Errorf("the IUT does not read its stdin: %w", err)
	}
	if r.Verb == Stop {
		return "", p.terminate(ctx)
	}
	if answered == nil {
		return "", nil
	}
	select {
	case s := <-answered:
		return s, nil
	case <-exited:
		return "", p.Err()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// terminate waits for a process that was told to stop, and kills it when it does not.
func (p *Process) terminate(ctx context.Context) error {
	p.mu.Lock()
	p.told = true
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if _, ok := p.exec.Stdin[string(Stop)]; !ok {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	t := time.NewTimer(p.profile.Timeouts.Stop)
	defer t.Stop()
	select {
	case <-exited:
	case <-t.C:
	case <-ctx.Done():
	}
	return p.kill()
}

func (p *Process) kill() error {
	p.mu.Lock()
	p.told = true
	cmd, exited, stdin := p.cmd, p.exited, p.stdin
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = stdin.Close()
	<-exited
	return nil
}

// Ended is closed when the process ended by itself.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err says how it ended.
func (p *Process) Err() error { p.mu.Lock(); defer p.mu.Unlock(); return p.err }

// Output gives its last lines.
func (p *Process) Output() []string { return p.output.all() }

// Close kills the process group.
func (p *Process) Close() error { return p.kill() }

const (
	keptLines = 200
	maxLine   = 4096
)

// lines is a bounded buffer of output lines that can be waited on.
type lines struct {
	mu    sync.Mutex
	kept  []string
	waits []*lineWait
}

type lineWait struct {
	re *regexp.Regexp
	ch chan string
}

// await gives a channel that gets the first later line that matches.
func (l *lines) await(re *regexp.Regexp) <-chan string {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &lineWait{re, make(chan string, 1)}
	l.waits = append(l.waits, w)
	return w.ch
}

func (l *lines) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) == keptLines {
		l.kept = l.kept[1:]
	}
	l.kept = append(l.kept, s)
	rest := l.waits[:0]
	for _, w := range l.waits {
		if w.re.MatchString(s) {
			w.ch <- s
		} else {
			rest = append(rest, w)
		}
	}
	l.waits = rest
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.kept...)
}

func (l *lines) last() string {
	if all := l.all(); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// lineWriter cuts what a process writes into lines, long ones bounded.
type lineWriter struct {
	to   *lines
	mu   sync.Mutex
	part []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, b...)
	for {
		n, line, err := bufio.ScanLines(w.part, false)
		if err != nil || n == 0 {
			break
		}
		w.to.add(string(line[:min(len(line), maxLine)]))
		w.part = w.part[n:]
	}
	if len(w.part) > maxLine {
		w.to.add(string(w.part[:maxLine]))
		w.part = nil
	}
	return len(b), nil
}
