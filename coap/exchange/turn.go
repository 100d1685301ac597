package exchange

import (
	"context"
	"fmt"
	"slices"
)

// turns lets at most NSTART interactions be open, the others wait in the order they came in (RFC 7252
// section 4.7). Endpoint.mu guards it.
type turns struct {
	open    int
	waiting []chan struct{} // one is closed when its turn has come
}

func (t *turns) admit(limit int) {
	for len(t.waiting) > 0 && (limit < 0 || t.open < limit) {
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
		t.open++
	}
}

// leave gives a turn back.
func (e *Endpoint) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.turns.open--
	e.turns.admit(e.limit())
}

// limit is NSTART; below 0 there is none.
func (e *Endpoint) limit() int {
	if e.policy.NSTART == 0 {
		return 1
	}
	return e.policy.NSTART
}

// enter waits for a turn.
func (e *Endpoint) enter(ctx context.Context) error {
	e.mu.Lock()
	if limit := e.limit(); len(e.turns.waiting) == 0 && (limit < 0 || e.turns.open < limit) {
		e.turns.open++
		e.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	e.turns.waiting = append(e.turns.waiting, turn)
	e.mu.Unlock()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = fmt.Errorf("%w: it waited for another exchange to end and was not sent: %w", ErrTimeout, context.Cause(ctx))
	case <-e.done:
		err = e.Err()
	}
	e.mu.Lock()
	i := slices.Index(e.turns.waiting, turn)
	if i >= 0 {
		e.turns.waiting = slices.Delete(e.turns.waiting, i, i+1)
	}
	e.mu.Unlock()
	if i < 0 { // the turn came meanwhile
		e.leave()
	}
	return err
}
