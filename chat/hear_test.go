package chat

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// asking is a Twilio that is asked where somebody else has texted us.
type asking struct{ Twilio }

var errAsked = errors.New("asked")

func (asking) ConversationsOf(context.Context, Phone, Phone) ([]Membership, error) {
	return nil, errAsked
}

// A text leaves without a call when it is new and what was said is known; while what an
// outage has missed is being restored, it is not known of anybody.
func TestHear(t *testing.T) {
	t.Parallel()
	now := time.Now()
	epoch := time.Unix(0, 0)
	const every = 10 * time.Minute
	tests := map[string]struct {
		c     Conversation
		age   time.Duration
		polls time.Duration
		asked bool
	}{
		"new":                     {Conversation{HeardAt: now, RestoringSince: epoch}, 0, every, false},
		"has waited":              {Conversation{HeardAt: now, RestoringSince: epoch}, 2 * freshFor, every, true},
		"unheard":                 {Conversation{HeardAt: epoch, RestoringSince: epoch}, 0, every, true},
		"not since an outage":     {Conversation{HeardAt: now.Add(-time.Hour), RestoringSince: epoch, OutageEndedAt: now.Add(-time.Minute)}, 0, every, true},
		"since an outage":         {Conversation{HeardAt: now.Add(-time.Hour), RestoringSince: epoch, OutageEndedAt: now.Add(-2 * time.Hour)}, 0, every, false},
		"restoring":               {Conversation{HeardAt: now, RestoringSince: now.Add(-time.Minute)}, 0, every, true},
		"nobody polls":            {Conversation{HeardAt: now, RestoringSince: now.Add(-time.Minute)}, 0, 0, false},
		"asked by the text ahead": {Conversation{HeardAt: now, RestoringSince: now.Add(-time.Minute), EverywhereAt: now}, 0, every, false},
	}
	for name, tt := range tests {
		s := New(nil, asking{}, Options{ReconcileEvery: tt.polls}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		err := s.hear(t.Context(), &tt.c, Outgoing{CreatedAt: now.Add(-tt.age)})
		if asked := errors.Is(err, errAsked); asked != tt.asked || !asked && err != nil {
			t.Errorf("%s: %v, want asked %t", name, err, tt.asked)
		}
	}
}
