package trace

import "context"

// Await gives the first exchange whose request is numbered above after and for which match is true, as
// it stands at that moment. match is called with no lock held, once for each exchange there is and
// again for each that has changed. The error is the cause of ctx, or wraps ErrFull.
func (t *Trace) Await(ctx context.Context, after int, match func(Exchange) bool) (Exchange, error) {
	var found Exchange
	seen := 0
	err := t.watch(ctx, func() func() bool {
		xs := t.since(after, seen)
		seen = t.version
		return func() bool { return first(xs, match, &found) }
	})
	return found, err
}

// AwaitEntry gives the first entry numbered above after for which match is true; match is called once
// for each entry, with no lock held. The errors are those of Await.
func (t *Trace) AwaitEntry(ctx context.Context, after int, match func(Entry) bool) (Entry, error) {
	var found Entry
	seen := max(after, 0)
	err := t.watch(ctx, func() func() bool {
		var es []Entry
		if seen < len(t.entries) {
			es = append(es, t.entries[seen:]...)
			seen = len(t.entries)
		}
		return func() bool { return first(es, match, &found) }
	})
	return found, err
}

// AwaitNotification gives the first notification numbered above after in the exchange that the request
// with this number began. The errors are those of Await.
func (t *Trace) AwaitNotification(ctx context.Context, request, after int) (Entry, error) {
	x, err := t.Await(ctx, request-1, func(x Exchange) bool {
		return x.Request.N == request && len(x.NotificationsAfter(after)) > 0
	})
	if err != nil {
		return Entry{}, err
	}
	return x.NotificationsAfter(after)[0], nil
}

func first[T any](all []T, match func(T) bool, found *T) bool {
	for _, v := range all {
		if match(v) {
			*found = v
			return true
		}
	}
	return false
}

// watch evaluates now and after every change until done is true. collect is called with the lock held
// and returns what is called without it.
func (t *Trace) watch(ctx context.Context, collect func() (done func() bool)) error {
	for last := false; ; {
		t.mu.Lock()
		done, changed, full := collect(), t.changed, t.full
		t.mu.Unlock()
		switch {
		case done():
			return nil
		case full != nil:
			return full
		case last:
			return context.Cause(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			last = true // what came at the same instant still counts
		}
	}
}
