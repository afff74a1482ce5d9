package chat

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

type sendStore interface {
	// Unsent loads the messages that are queued or being sent, in order.
	Unsent(ctx context.Context, c Conversation) ([]Outgoing, error)
	// BeginSend asks the gate about a queued message, under the lock that a
	// STOP takes, and acts on the verdict: sending, cancelled, or later.
	BeginSend(ctx context.Context, lease Lease, message uuid.UUID, gate Gate) (Verdict, error)
	// RecordSent stores Twilio's answer to our post.
	RecordSent(ctx context.Context, sid ConversationSID, m RemoteMessage) (Result, error)
	// Unanswered has the looks for a message whose post had no answer count from now.
	Unanswered(ctx context.Context, lease Lease, message uuid.UUID) error
	// Requeue makes a message that is surely not at Twilio queued again. With
	// posted it was called for in vain; else that was no attempt.
	Requeue(ctx context.Context, lease Lease, message uuid.UUID, posted bool) error
	// RefuseSend ends a message that Twilio will never take. One refused because
	// the person has said STOP opts them out.
	RefuseSend(ctx context.Context, lease Lease, message uuid.UUID, code int, reason string) error
}

// mostAttempts bounds how often a text is posted whose posts all end in the
// dark, as lost answers and errors of the server, and that never turns up: if
// Twilio's list should be what is wrong, each further post is one more text on
// somebody's phone. With the waits of lastLook they take more than a day.
const (
	mostAttempts  = 18
	longestRepost = 3 * time.Hour
)

// lastLook is how long after a post of unknown outcome the message is looked for
// the second time and then posted again: when twice the longest call time has
// passed, for Twilio may still be working on the call, and after each further
// post twice as long.
func (t Timing) lastLook(posts int) time.Duration {
	wait := t.Look + 2*t.Call
	for ; posts > 1 && wait < longestRepost; posts-- {
		wait *= 2
	}
	return min(wait, longestRepost)
}

// unanswered is why a text waits whose post had no answer.
const unanswered = "a post had no answer"

// overtaken is a text that was posted several times in vain: later ones may leave before
// it is due to be posted again.
type overtaken struct{ posted, due time.Time }

// first reports whether it is to be posted before m is again, which went past it in vain.
// An answer of the bot's does not wait longer than it is one. The zero value is no text.
func (o overtaken) first(m Outgoing) bool {
	return !o.posted.IsZero() && m.SendingAt.After(o.posted) && (m.Purpose != BotReply || o.due.Before(m.CreatedAt.Add(ReplyAge)))
}

// send posts every queued message of the conversation, oldest first. It is
// the only place a text leaves from: welcome, bot and agent alike. Twilio may dislike
// one text alone, so that one that was posted several times in vain does not keep the
// later ones waiting, once its last post cannot turn up any more; but a later one that went
// past it in vain too seems to show that it is the number, and waits for it, as long as
// that may be, so that they leave in their order when the number has recovered.
func (s *Service) send(ctx context.Context, c *Conversation) error {
	if c.State != Active {
		return nil
	}
	unsent, err := s.store.Unsent(ctx, *c)
	if err != nil {
		return err
	}
	var later error
	var ahead overtaken
	for _, m := range unsent {
		if m.Status == Sending {
			settled, err := s.look(ctx, c, m, ahead)
			if wait, ok := errors.AsType[Snooze](err); ok && wait.Why == unanswered && s.now().Sub(m.SendingAt) >= s.opts.Timing.lastLook(1) {
				later, ahead = sooner(later, err), overtaken{posted: m.SendingAt, due: s.now().Add(wait.After)}
				continue
			}
			if err != nil {
				return sooner(later, err)
			}
			if settled {
				continue
			}
		}
		if err := s.sendOne(ctx, c, m); err != nil {
			return sooner(later, err)
		}
	}
	return later
}

// sooner is the shorter of two waits, or what is no wait.
func sooner(later, err error) error {
	var a, b Snooze
	if errors.As(later, &a) && errors.As(err, &b) && a.After < b.After {
		return later
	}
	return err
}

// look resolves a message whose post had no answer: settled, because it was
// found at Twilio or has been tried too often; queued again once it can no
// longer turn up; or not known yet, which is a Snooze. It is not queued again before the
// one ahead is due, unless that has been posted since.
func (s *Service) look(ctx context.Context, c *Conversation, m Outgoing, ahead overtaken) (settled bool, err error) {
	if err := s.pullAlso(ctx, c, m.ID); err != nil {
		return false, err
	}
	unsent, err := s.store.Unsent(ctx, *c)
	if err != nil {
		return false, err
	}
	for _, u := range unsent {
		if u.ID != m.ID {
			continue
		}
		posts := m.Attempts
		if c.State != Active { // only whether it has left is still to be known
			posts = 1
		}
		age, last := s.now().Sub(m.SendingAt), s.opts.Timing.lastLook(posts)
		if ahead.first(m) {
			last = max(last, ahead.due.Sub(m.SendingAt))
		}
		for _, until := range []time.Duration{s.opts.Timing.Look, s.opts.Timing.lastLook(1), last} { // the second for those after it
			if age < until {
				return false, Snooze{After: until - age, Why: unanswered}
			}
		}
		if m.Purpose == BotReply && s.now().Sub(m.CreatedAt) > ReplyAge {
			return true, s.store.RefuseSend(ctx, c.Lease, m.ID, 0, "it could not be posted while it was an answer")
		}
		if posts >= mostAttempts {
			s.log.ErrorContext(ctx, "text given up", "conversation_id", c.ID, "message_id", m.ID, "posts", m.Attempts)
			return true, s.store.RefuseSend(ctx, c.Lease, m.ID, 0, "it was posted many times, Twilio never answered and never listed it")
		}
		return false, s.store.Requeue(ctx, c.Lease, m.ID, true)
	}
	return true, nil
}

// lookForAll looks for every text whose post had no answer, before c gives up its
// pair. It is nil when it is known of each whether it has left.
func (s *Service) lookForAll(ctx context.Context, c *Conversation) error {
	unsent, err := s.store.Unsent(ctx, *c)
	if err != nil {
		return err
	}
	for _, m := range unsent {
		if m.Status == Sending {
			if _, err := s.look(ctx, c, m, overtaken{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendOne takes one queued message through the gate and posts it at once. All
// waiting, for the right to make a call too, is done before the gate, so that
// its verdict is fresh.
func (s *Service) sendOne(ctx context.Context, c *Conversation, m Outgoing) error {
	if s.waitsForRestoring(m, c.RestoringSince) || c.Outage && s.restores(c) { // without asking Twilio for what was said, who has others to tell of
		return s.holdForRestoring(ctx, c, m)
	}
	if err := s.pace.take(ctx, string(c.Sender), c.ID, s.opts.SendEvery); err != nil {
		return err
	}
	if err := s.blocked(ctx, c); err != nil {
		return err
	}
	if err := s.hear(ctx, c, m); err != nil {
		return err
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	reserved, release, err := s.twilio.Reserve(ctx)
	if err != nil {
		return err
	}
	defer release()
	v, err := s.store.BeginSend(ctx, c.Lease, m.ID, func(f GateFacts) Verdict { return s.gate(f, c.Probing) })
	if err != nil {
		return err
	}
	if !v.Goes() {
		return s.held(ctx, c, m, v)
	}
	sent, err := s.twilio.CreateMessage(reserved, c.SID, m)
	if err != nil {
		return s.sendFailed(ctx, c, m, err)
	}
	recorded, err := s.store.RecordSent(ctx, c.SID, sent)
	if err != nil {
		c.Probing = false // the text that probes has left; a later one ends the pause
		return err
	}
	LogPaused(ctx, s.log, recorded)
	return s.sent(ctx, c)
}

// held is what the gate's verdict that a message does not go means for the job.
func (s *Service) held(ctx context.Context, c *Conversation, m Outgoing, v Verdict) error {
	s.log.InfoContext(ctx, "text held", "conversation_id", c.ID, "message_id", m.ID, "cancelled", v.Cancel, "why", v.Why)
	if v.Cancel == "" {
		return Snooze{After: max(0, v.Until.Sub(s.now())), Why: v.Why}
	}
	return nil
}

// sendFailed puts the message where the next attempt will look for it.
func (s *Service) sendFailed(ctx context.Context, c *Conversation, m Outgoing, err error) error {
	var te *TwilioError
	if !errors.As(err, &te) || te.Unknown {
		s.log.WarnContext(ctx, "post had no answer", "conversation_id", c.ID, "message_id", m.ID, "err", err)
		c.Probing = false // the text that probes may have left
		// The call may have begun long after it was allowed to.
		if err := s.store.Unanswered(ctx, c.Lease, m.ID); err != nil {
			return err
		}
		return Snooze{After: s.opts.Timing.Look, Why: unanswered}
	}
	switch te.Class() {
	case RecipientError, Bug:
		return s.store.RefuseSend(ctx, c.Lease, m.ID, te.Code, ExplainCode(te.Code).Meaning)
	}
	if qerr := s.store.Requeue(ctx, c.Lease, m.ID, false); qerr != nil {
		return errors.Join(qerr, err)
	}
	return err
}
