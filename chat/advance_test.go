package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
)

// waiting is the store of a conversation whose account is paused.
type waiting struct {
	Store
	news bool
}

func (waiting) Lease(context.Context, uuid.UUID, time.Duration) (Lease, bool, error) {
	return Lease{}, true, nil
}

func (waiting) Load(context.Context, Lease) (Conversation, error) {
	return Conversation{State: Pending, SID: "CH", Paused: "suspended", PausedUntil: time.Now().Add(time.Hour)}, nil
}

func (waiting) Admission(context.Context, Conversation) (Admission, error) { return Admission{}, nil }

func (w waiting) GiveBack(context.Context, Lease, time.Duration, time.Duration) (bool, error) {
	return w.news, nil
}

// A wait ends at once when something came while it was decided on.
func TestAdvanceWaits(t *testing.T) {
	t.Parallel()
	for name, news := range map[string]bool{"nothing came": false, "something came": true} {
		s := New(waiting{news: news}, nil, Options{}, time.Now, slog.New(slog.DiscardHandler))
		var snooze Snooze
		if err := s.Advance(t.Context(), uuid.Nil); !errors.As(err, &snooze) || (snooze.After == 0) != news {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Nobody comes after one who is to wait alone: when it is to be longer than others, they
// are not to wait as long.
func TestAloneIsNotInLine(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{false, true} {
		s := New(nil, nil, Options{CreateEvery: time.Second}, time.Now, slog.New(slog.DiscardHandler))
		err := s.settle(t.Context(), &Conversation{ID: uuid.New(), State: Pending}, &TwilioError{RetryAfter: time.Hour, Alone: alone}, false)
		var snooze Snooze
		if !errors.As(err, &snooze) || snooze.After < time.Hour {
			t.Errorf("alone %t: got %v, want to wait an hour", alone, err)
		}
		if err := s.pace.ready(createScope, uuid.New(), time.Second); (err == nil) != alone {
			t.Errorf("alone %t: the next gets %v", alone, err)
		}
	}
}

// What fails at the database does not back off as after the failures before, if
// something was reached at Twilio since.
func TestSettleAfterProgress(t *testing.T) {
	t.Parallel()
	s := New(nil, nil, Options{}, time.Now, slog.New(slog.DiscardHandler))
	for _, progress := range []bool{false, true} {
		err := s.settle(t.Context(), &Conversation{}, fmt.Errorf("activate: %w", ErrUnavailable), progress)
		var snooze Snooze
		if errors.As(err, &snooze) != progress || snooze.Afresh != progress {
			t.Errorf("progress %t: got %v", progress, err)
		}
	}
}
