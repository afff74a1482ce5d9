package twilio

import (
	"context"
	"time"

	"textme/chat"
)

// Hold is where all replicas keep until when Twilio wants no calls, by the
// Retry-After that one of them was given. Both methods must be safe for
// concurrent use.
type Hold interface {
	// HoldCalls keeps everybody from calling for d, unless a longer wait is
	// known already.
	HoldCalls(ctx context.Context, d time.Duration) error
	// HeldFor is how long nobody may call from now on; 0 or less: go ahead.
	HeldFor(ctx context.Context) (time.Duration, error)
}

// holdFresh is how long an answer of HeldFor is believed: a replica learns that
// much later what another was told. A call every few milliseconds would else
// cost as many questions.
const holdFresh = 100 * time.Millisecond

// holdTime bounds a question and the writing down of a Retry-After: a connection
// to the database that has died in silence must not silence everybody.
const holdTime = 2 * time.Second

// sharedHold asks and tells the other replicas. Without a Hold it is alone.
type sharedHold struct {
	with Hold
	now  func() time.Time

	turn  chan struct{} // held while asking: the others wait for the same answer
	asked time.Time
	until time.Time // no calls before
}

func newSharedHold(with Hold, now func() time.Time) *sharedHold {
	return &sharedHold{with: with, now: now, turn: make(chan struct{}, 1)}
}

// wait is how long other replicas' answers forbid to call.
func (h *sharedHold) wait(ctx context.Context) (time.Duration, error) {
	if h.with == nil {
		return 0, nil
	}
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if asked := h.now(); asked.Sub(h.asked) >= holdFresh {
		limited, cancel := context.WithTimeout(ctx, holdTime)
		defer cancel()
		held, err := h.with.HeldFor(limited)
		if err != nil {
			return 0, err
		}
		h.asked, h.until = asked, h.now().Add(held) // rather too long than too short by the time it took to ask
	}
	return h.until.Sub(h.now()), nil
}

// tell lets the other replicas know of a call that was answered with a
// Retry-After, also when its caller has given up.
func (h *sharedHold) tell(ctx context.Context, te *chat.TwilioError) error {
	if h.with == nil || te == nil || te.RetryAfter <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), holdTime)
	defer cancel()
	return h.with.HoldCalls(ctx, te.RetryAfter)
}
