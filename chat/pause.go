package chat

import (
	"context"
	"log/slog"
	"time"
)

type pauseStore interface {
	// Pause stops the scope: AccountScope, or a sender. The first reason
	// stays until it is resumed; began tells whether this is the first.
	Pause(ctx context.Context, scope string, code int, reason string, probe time.Time) (began bool, err error)
	// ClaimProbe lets exactly one caller through a pause whose probe is due
	// at now; the next probe is due at next.
	ClaimProbe(ctx context.Context, sender Phone, now, next time.Time) (claimed bool, err error)
	// HandBackProbe makes the probe due at now that was claimed, with the next one
	// due at next, and has told nothing.
	HandBackProbe(ctx context.Context, sender Phone, now, next time.Time) error
	// PassProbe wakes the oldest of the other conversations that may wait for the end
	// of the account's pause or the sender's, and would come back by themselves within
	// the time.
	PassProbe(ctx context.Context, lease Lease, sender Phone, within time.Duration) error
	// Resume ends the pauses of the account and the sender that a call can
	// end, and says why sending stays paused, "" if it does not.
	Resume(ctx context.Context, sender Phone) (still string, err error)
	// ResumeAccount does as Resume for the account's pause alone.
	ResumeAccount(ctx context.Context, sender Phone) (still string, err error)
	// ResumeCredentials ends the account's pause if that is for CodeCredentials.
	ResumeCredentials(ctx context.Context) (ended bool, err error)
}

// AccountScope is the pause of everything.
const AccountScope = "account"

// Pause is that nothing is sent, and why.
type Pause struct {
	Scope  string // AccountScope, or the sender that is paused
	Reason string
}

// probe is how often a pause lets one call through to see whether the cause has
// been repaired, and how soon what is paused asks again.
func (t Timing) probe() time.Duration { return 2 * t.Rescue }

// pause stops the scope because of an operator's error and puts the work off.
func (s *Service) pause(ctx context.Context, scope string, te *TwilioError) error {
	began, err := s.store.Pause(ctx, scope, te.Code, te.Error(), s.now().Add(s.opts.Timing.probe()))
	if err != nil {
		return err
	}
	if began {
		s.log.ErrorContext(ctx, sendingPaused, "account", scope == AccountScope, "err", te)
	}
	return Snooze{After: s.opts.Timing.probe(), Why: justPaused}
}

// justPaused is why one waits whose own call met the operator's error.
const justPaused = "paused"

// blocked returns a Snooze while the account or the conversation's sender is
// paused, except to the one caller whose turn it is to probe. One that has probed
// in vain leaves the probe to others for a while.
func (s *Service) blocked(ctx context.Context, c *Conversation) error {
	if c.Paused == "" || c.Probing {
		return nil
	}
	now := s.now()
	if wait := max(c.PausedUntil.Sub(now), s.vain.until(c.ID).Sub(now)); wait > 0 {
		return Snooze{After: wait, Why: c.Paused}
	}
	next := now.Add(s.opts.Timing.probe())
	claimed, err := s.store.ClaimProbe(ctx, c.Sender, now, next)
	if err != nil {
		return err
	}
	if !claimed {
		return Snooze{After: s.opts.Timing.probe(), Why: c.Paused}
	}
	c.Probing, c.PausedUntil = true, next
	return nil
}

// sendingPaused is the one alert of a pause, sendingResumed its end.
const (
	sendingPaused  = "sending paused"
	sendingResumed = "sending resumed"
)

// LogPaused alerts operators if an event has just paused a sender or the account.
func LogPaused(ctx context.Context, log *slog.Logger, r Result) {
	if r.Paused != (Pause{}) {
		log.ErrorContext(ctx, sendingPaused, "account", r.Paused.Scope == AccountScope, "err", r.Paused.Reason)
	}
}

// resume ends the pauses after the probe's call worked. Those that carriers
// brought about stay until a text has arrived: for them the probe goes on.
func (s *Service) resume(ctx context.Context, c *Conversation) error {
	if !c.Probing {
		return nil
	}
	still, err := s.store.Resume(ctx, c.Sender)
	return s.resumed(ctx, c, still, err)
}

// answered ends the account's pause after Twilio did for the probe what it does
// only for an account that is fit, or refused it for another reason. Of a sender
// that says nothing: for it the probe goes on.
func (s *Service) answered(ctx context.Context, c *Conversation) error {
	if !c.Probing {
		return nil
	}
	still, err := s.store.ResumeAccount(ctx, c.Sender)
	return s.resumed(ctx, c, still, err)
}

func (s *Service) resumed(ctx context.Context, c *Conversation, still string, err error) error {
	if err != nil {
		return err
	}
	c.Probing, c.Paused, c.AccountPaused = still != "", still, false
	if still == "" {
		s.log.InfoContext(ctx, sendingResumed, "conversation_id", c.ID)
	}
	return nil
}

// sent ends the probe with its text: the next one waits for the next probe,
// unless nothing is paused any more.
func (s *Service) sent(ctx context.Context, c *Conversation) error {
	err := s.resume(ctx, c)
	c.Probing, c.PausedUntil = false, s.now().Add(s.opts.Timing.probe())
	c.Sent++
	return err
}
