package chat

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
)

type discoveryStore interface {
	// ClaimLook gives one replica the right to look for new conversations if
	// a look is due, and keeps it from others for hold. since is up to when they have
	// been seen. The first time of all there is nothing to be found yet. If none could be
	// ended for away, there is an outage.
	ClaimLook(ctx context.Context, hold, away time.Duration) (since time.Time, due bool, err error)
	// LookAgain has the next look come after so long.
	LookAgain(ctx context.Context, after time.Duration) error
	// FinishLook enqueues an AdoptJob for each conversation that belongs to
	// no row, counts them, and remembers up to when all have been seen. The next look
	// is every later, and without one for away there is an outage.
	FinishLook(ctx context.Context, found []RemoteConversation, through time.Time, every, away time.Duration) (unknown int, err error)
	// BackInReach ends the outage, if there is one: Twilio has answered.
	BackInReach(ctx context.Context) error
}

// lookOverlap is by how much a look goes back behind the last: clocks differ,
// and a list may lag behind what was created.
const lookOverlap = 5 * time.Minute

// discover looks for conversations that Twilio made, when somebody texted us,
// without our hearing of it, also if they are closed by now, and for those of
// ours that an earlier state of the database does not know.
func (s *Service) discover(ctx context.Context) error {
	since, due, err := s.store.ClaimLook(ctx, min(pollHold, s.opts.ReconcileEvery), s.outage())
	if err != nil || !due {
		return err
	}
	through := s.now()
	found, err := s.twilio.ConversationsSince(ctx, since.Add(-lookOverlap))
	if err != nil {
		ctx, cancel := s.lastWords(ctx)
		defer cancel()
		return errors.Join(err, s.store.LookAgain(ctx, s.pollWait(1, s.opts.ReconcileEvery)))
	}
	if err := s.credentialsWork(ctx); err != nil { // nobody may be due for a poll
		return err
	}
	unknown, err := s.store.FinishLook(ctx, found, through, s.opts.ReconcileEvery, s.outage())
	if unknown > 0 {
		s.log.InfoContext(ctx, "found conversations that no webhook told of", "conversations", unknown)
	}
	return err
}

// ReadUniqueName returns the id of the row whose conversation has this unique
// name, uuid.Nil for a name that no row of ours gives.
func ReadUniqueName(name string) uuid.UUID {
	text, ours := strings.CutPrefix(name, uniqueNamePrefix)
	id, err := uuid.Parse(text)
	if !ours || err != nil {
		return uuid.Nil
	}
	return id
}
