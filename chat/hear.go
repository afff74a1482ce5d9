package chat

import (
	"context"
	"time"

	"github.com/google/uuid"
)

type hearStore interface {
	// OtherConversations lists the open conversations at Twilio that the
	// conversation's person has with other senders of ours, and those of the
	// rows that were merged into it, open or not.
	OtherConversations(ctx context.Context, conversation uuid.UUID) ([]OtherConversation, error)
}

// OtherConversation is where the person may have said STOP as well.
type OtherConversation struct {
	SID         ConversationSID
	GapsChecked int
}

// freshFor is how long a text may have waited, or what the person said may be
// known to be complete, before Twilio is asked again.
const freshFor = time.Minute

// unheard reports whether it is more than a day since Twilio was asked for all
// that was said here, as it is where polls are rare, and in a conversation that
// was just taken over, or whether there was an outage since.
func (s *Service) unheard(c *Conversation) bool {
	return s.now().Sub(c.HeardAt) > liveFor || s.opts.ReconcileEvery > 0 && c.HeardAt.Before(c.OutageEndedAt)
}

// listen brings what was said in an unheard conversation into the transcript, and
// a refusal among it is obeyed, before anything is sent there. While everything
// is paused nobody asks.
func (s *Service) listen(ctx context.Context, c *Conversation) error {
	if c.SID == "" || c.Paused != "" || !s.unheard(c) {
		return nil
	}
	err := s.pull(ctx, c)
	if c.State == Closed {
		return ignoreGone(err)
	}
	return err
}

// hear is the rule on texts that have waited: one that is older than a minute,
// because of an outage, a pause or the night, leaves only when everything the
// person has said to us up to a minute ago has been heard, and a STOP obeyed.
// Webhooks that would have told of it may be lost, as all are while what an outage has
// missed is being restored. Else a text that leaves at once,
// as nearly all do, costs no call by this, unless it probes a pause in an unheard
// conversation.
func (s *Service) hear(ctx context.Context, c *Conversation, m Outgoing) error {
	now := s.now()
	fresh := now.Sub(m.CreatedAt) <= freshFor && !s.unheard(c) && !s.restores(c)
	if fresh || now.Sub(c.EverywhereAt) <= freshFor {
		return nil
	}
	if err := s.findOthers(ctx, c); err != nil {
		return err
	}
	others, err := s.store.OtherConversations(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := s.room(ctx); err != nil {
			return err
		}
		texts, err := s.twilio.MessagesAfter(ctx, other.SID, other.GapsChecked)
		if err != nil && !isGone(err) { // that it is gone is not this conversation's concern
			return err
		}
		if err := s.ingest(ctx, other.SID, texts); err != nil {
			return err
		}
	}
	if err := s.pull(ctx, c); err != nil {
		return err
	}
	c.EverywhereAt = now
	return nil
}

// findOthers makes rows of the conversations with senders of ours that Twilio has
// the person in and no webhook has told of.
func (s *Service) findOthers(ctx context.Context, c *Conversation) error {
	if err := s.room(ctx); err != nil {
		return err
	}
	members, err := s.twilio.ConversationsOf(ctx, c.Phone, "")
	if err != nil {
		return err
	}
	for _, m := range members {
		ours, err := s.store.SenderKnown(ctx, m.Participant.ProxyAddress)
		if err != nil {
			return err
		}
		if !ours || m.Conversation.claimed() {
			continue
		}
		if err := s.room(ctx); err != nil {
			return err
		}
		if err := s.Adopt(ctx, m.Conversation.SID); ignoreGone(err) != nil {
			return err
		}
	}
	return nil
}
