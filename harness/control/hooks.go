package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/lwm2mspec/lwm2mspec/harness/profile"
)

// Hooked is an IUT that runs elsewhere and is reached by a command or an HTTP request per verb.
type Hooked struct {
	profile *profile.Profile
	hooks   profile.Hooks
	values  map[string]string
	output  lines
	client  *http.Client
}

// NewHooked makes the control of a profile with control.hooks.
func NewHooked(p *profile.Profile) *Hooked {
	return &Hooked{profile: p, hooks: *p.Control.Hooks, client: &http.Client{Timeout: p.Timeouts.Operate}}
}

// Start calls the hook start, if there is one; without it the IUT is taken to run.
func (h *Hooked) Start(ctx context.Context, s Setup) error {
	h.values = placeholders(h.profile.Dir, s)
	for _, v := range []Verb{Configure, Start} {
		if !h.Supports(v) {
			continue
		}
		if _, err := h.Do(ctx, Request{Verb: v}); err != nil {
			return err
		}
	}
	return nil
}

// Supports says whether there is a hook for the verb.
func (h *Hooked) Supports(v Verb) bool { _, ok := h.hooks[string(v)]; return ok }

// Do runs the hook. A command that exits with another status than 0, and an HTTP status outside of
// 2xx, are errors that name the hook.
func (h *Hooked) Do(ctx context.Context, r Request) (string, error) {
	hook, ok := h.hooks[string(r.Verb)]
	if !ok {
		return "", fmt.Errorf("%s: %w: add control.hooks.%q to %s", r.Verb, ErrUnsupported, r.Verb, h.profile.File)
	}
	v := request(h.values, r)
	ctx, cancel := context.WithTimeout(ctx, h.profile.Timeouts.Operate)
	defer cancel()
	var out string
	var err error
	if hook.URL != "" {
		out, err = h.request(ctx, hook, v)
	} else {
		out, err = h.command(ctx, hook, v)
	}
	h.output.add(fmt.Sprintf("%s: %s", r.Verb, strings.TrimSpace(out)))
	if err != nil {
		return out, fmt.Errorf("the hook %q of %s failed: %w", r.Verb, h.profile.File, err)
	}
	return out, nil
}

func (h *Hooked) command(ctx context.Context, hook profile.Hook, v map[string]string) (string, error) {
	words := fillAll(hook.Command, v)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = h.profile.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	b, err := cmd.CombinedOutput()
	return string(b[:min(len(b), maxLine)]), err
}

const maxHookAnswer = 1 << 20 // bytes of an HTTP answer that are read

func (h *Hooked) request(ctx context.Context, hook profile.Hook, v map[string]string) (string, error) {
	method := hook.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, fill(hook.URL, v), strings.NewReader(fill(hook.Body, v)))
	if err != nil {
		return "", err
	}
	for k, s := range hook.Header {
		req.Header.Set(k, fill(s, v))
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxHookAnswer))
	if err != nil {
		return "", err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return string(b), fmt.Errorf("%s %s answered %s: %s", method, req.URL.Redacted(), resp.Status, strings.TrimSpace(string(b[:min(len(b), 200)])))
	}
	return string(b), nil
}

// Ended never closes: the harness cannot see the process.
func (h *Hooked) Ended() <-chan struct{} { return nil }

// Err is nil.
func (h *Hooked) Err() error { return nil }

// Output gives what the hooks answered.
func (h *Hooked) Output() []string { return h.output.all() }

// Close calls the hook stop, if there is one.
func (h *Hooked) Close() error {
	defer h.client.CloseIdleConnections()
	if !h.Supports(Stop) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.profile.Timeouts.Stop)
	defer cancel()
	_, err := h.Do(ctx, Request{Verb: Stop})
	return err
}
