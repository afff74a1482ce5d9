package chat

import (
	"context"
	"errors"
	"time"
)

// restoring is why a text waits that was called for before an outage ended.
const restoring = "what an outage has missed is being asked for first"

// shortestOutage is longer than one poll takes at any sensible rate, of some 150 calls.
const shortestOutage = 10 * time.Minute

// restoreCheck is how long a text waits that is held for the restoring: whoever ends that
// has it come back at once.
func (t Timing) restoreCheck() time.Duration { return 10 * t.Rescue }

// away is how late polling must be for us to have been away.
func (s *Service) away() time.Duration { return 6 * s.opts.ReconcileEvery }

// outage is how long no look must have been ended for what was called for to wait until
// polling has caught up.
func (s *Service) outage() time.Duration { return max(s.away(), shortestOutage) }

// waitsForRestoring is the rule on texts that were called for before an outage ended, at
// since (zero: there is none): they leave when Twilio has been asked for all that was
// missed, of everybody.
func (s *Service) waitsForRestoring(m Outgoing, since time.Time) bool {
	return s.opts.ReconcileEvery > 0 && m.CalledForAt.Before(since)
}

// restores reports whether what an outage has missed is being asked for.
func (s *Service) restores(c *Conversation) bool {
	return s.opts.ReconcileEvery > 0 && c.RestoringSince.Unix() > 0
}

// holdForRestoring has the gate say that a text waits, and records it. In an outage Twilio
// is called first: who has an answer is the one to know that it is over.
func (s *Service) holdForRestoring(ctx context.Context, c *Conversation, m Outgoing) error {
	if c.Outage {
		if err := s.backInReach(ctx, c); err != nil {
			return err
		}
	}
	v, err := s.store.BeginSend(ctx, c.Lease, m.ID, func(f GateFacts) Verdict {
		if v := s.gate(f, c.Probing); !v.Goes() {
			return v
		}
		return Verdict{Until: s.now(), Why: restoring} // it has just ended
	})
	if err != nil {
		return err
	}
	return s.held(ctx, c, m, v)
}

// backInReach makes the cheapest call there is. If Twilio answers, the outage has ended.
func (s *Service) backInReach(ctx context.Context, c *Conversation) error {
	if err := s.blocked(ctx, c); err != nil {
		return err
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	_, err := s.twilio.FetchConversation(ctx, string(c.SID))
	if te := (*TwilioError)(nil); isGone(err) && errors.As(err, &te) {
		err = s.serviceStands(ctx, te)
	}
	if err != nil {
		return err
	}
	return s.store.BackInReach(ctx)
}

// restored ends the restoring if nothing is left to be asked.
func (s *Service) restored(ctx context.Context) error {
	over, err := s.store.Restored(ctx)
	if over {
		s.log.InfoContext(ctx, "what the outage has missed is restored")
	}
	return err
}
