package chat

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
)

// hungStore has a connection whose other end is gone without a word.
type hungStore struct{}

func (hungStore) BookSlots(ctx context.Context, _ string, _ int, _, _ time.Duration) (time.Duration, bool, error) {
	<-ctx.Done()
	return 0, false, ctx.Err()
}

// A database that does not answer keeps a process's workers from its slots for as long
// as one booking may take, and not one after another.
func TestSlotsOfAHungDatabase(t *testing.T) {
	t.Parallel()
	const workers = 50
	p := newPacer(hungStore{})
	job, cancel := context.WithTimeout(t.Context(), workers/2*bookTime)
	defer cancel()
	refused := make(chan error)
	for range workers {
		go func() { refused <- p.take(job, createScope, uuid.New(), time.Second) }()
	}
	for range workers {
		if err := <-refused; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("booking in vain says %v", err)
		}
	}
	if job.Err() != nil {
		t.Errorf("%d workers waited for longer than %v", workers, workers/2*bookTime)
	}
}
