package chat

import (
	"context"
	"errors"
	"strings"
	"time"
)

// take saves the conversation's SID. One that another row of ours has brings
// that row back instead, and this row's work is over. So it is if the person
// has written from a new conversation while this row's had lost them: the texts
// of each count from zero, so the new one gets a row of its own.
func (s *Service) take(ctx context.Context, c *Conversation, f Found) error {
	if f.SID == "" {
		return nil
	}
	err := s.store.SaveSID(ctx, c.Lease, f)
	if errors.Is(err, ErrHeld) {
		return s.merge(ctx, c, f.SID)
	}
	if errors.Is(err, ErrMoved) {
		return s.move(ctx, c, f.SID)
	}
	if err != nil {
		return err
	}
	c.HeardAt = time.Time{}
	if f.Made {
		c.HeardAt = s.now()
	}
	c.SID, c.Adopted, c.ReplyFrom = f.SID, f.Adopted, max(c.ReplyFrom, f.ReplyFrom)
	return nil
}

// merge brings the pair's row back that has the conversation, when it is known
// what c still owes. If another customer's row has it, somebody has put both into
// one conversation, and it is not ours to share.
func (s *Service) merge(ctx context.Context, c *Conversation, sid ConversationSID) error {
	if err := s.lookForAll(ctx, c); err != nil {
		return err
	}
	err := s.store.Merge(ctx, c.Lease, sid)
	switch {
	case errors.Is(err, ErrNotFound):
		return errForeign
	case err == nil:
		c.State = Closed
	}
	return err
}

// move leaves the person's newer conversation to a row of its own, which ends c.
// One that has ended since ends nothing: the pair is free again.
func (s *Service) move(ctx context.Context, c *Conversation, to ConversationSID) error {
	if err := s.Adopt(ctx, to); err != nil {
		return notOwn(err)
	}
	held, err := s.store.Held(ctx, to)
	if err != nil {
		return err
	}
	if !held {
		return &TwilioError{Op: "add participant", Code: 20409, Err: errors.New("the newer conversation is gone again")}
	}
	c.State = Closed
	return nil
}

// notOwn keeps the end of a conversation that the pair was in from being taken for
// that of the row's own: the pair is free again, which another attempt will find.
func notOwn(err error) error {
	if isGone(err) {
		return &TwilioError{Op: "add participant", Code: 20409, Err: err}
	}
	return err
}

// adopt takes over a conversation that holds the pair, if it is ours to take.
// discard is the one we made in vain, "" if none.
func (s *Service) adopt(ctx context.Context, c *Conversation, rc RemoteConversation, discard ConversationRef) error {
	f := Found{SID: rc.SID, Adopted: rc.UniqueName != c.UniqueName, Discard: discard}
	if f.Adopted && !strings.HasPrefix(rc.UniqueName, uniqueNamePrefix) {
		if err := s.unclaimed(ctx, rc, c.Phone, c.Sender); err != nil {
			return notOwn(err)
		}
	}
	if f.Adopted {
		if err := s.room(ctx); err != nil {
			return err
		}
		texts, err := s.twilio.MessagesAfter(ctx, rc.SID, -1)
		if err != nil {
			return notOwn(err)
		}
		f.ReplyFrom = replyFrom(texts, s.now())
	}
	return s.take(ctx, c, f)
}

// uniqueNamePrefix marks the conversations that textme made.
const uniqueNamePrefix = "textme-"

// claimed reports whether another system has marked the conversation as its own.
func (rc RemoteConversation) claimed() bool {
	ours := strings.HasPrefix(rc.UniqueName, uniqueNamePrefix)
	return !ours && (rc.UniqueName != "" || strings.TrimSpace(rc.Attributes) != "{}")
}

// unclaimed returns errForeign unless nobody has marked the conversation as
// theirs: no unique name, no attributes, nobody in it but this pair.
func (s *Service) unclaimed(ctx context.Context, rc RemoteConversation, phone, sender Phone) error {
	if !s.opts.AdoptUnclaimed || rc.claimed() {
		return errForeign
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	people, err := s.twilio.Participants(ctx, rc.SID)
	if err != nil {
		return err
	}
	for _, p := range people {
		if p.Address != phone || p.ProxyAddress != sender {
			return errForeign
		}
	}
	return nil
}
