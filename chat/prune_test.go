package chat

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// attic is a store with things past their retention, of which one kind stays.
type attic struct {
	Store
	submissions int
}

var errStays = errors.New("stays")

func (*attic) PruneEvents(context.Context, time.Time, time.Time, int) (int, error) {
	return 0, errStays
}

func (a *attic) PruneSubmissions(_ context.Context, _ time.Time, most int) (int, error) {
	n := min(most, a.submissions)
	a.submissions -= n
	return n, nil
}

// What cannot be taken out keeps nothing else.
func TestPruneGoesOn(t *testing.T) {
	t.Parallel()
	a := &attic{submissions: 2*pruneBatch + 1}
	s := New(a, nil, Options{}, time.Now, slog.New(slog.DiscardHandler))
	if err := s.Prune(t.Context()); !errors.Is(err, errStays) || a.submissions > 0 {
		t.Errorf("%v; %d submissions stay, want none", err, a.submissions)
	}
}
