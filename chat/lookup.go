package chat

import (
	"context"

	"github.com/google/uuid"
)

type lookUpStore interface {
	// ClassicText returns the text of a stored event of the classic webhook,
	// and whether an open row of ours has its pair by now.
	ClassicText(ctx context.Context, event uuid.UUID) (text ClassicText, ours bool, err error)
}

// LookUp finds out which conversation took a text that so far only the classic
// webhook has told of, and takes that over. None is left as it is: the text was
// recorded, and what it said about opting out obeyed. Calling it again is safe.
func (s *Service) LookUp(ctx context.Context, event uuid.UUID) error {
	text, ours, err := s.store.ClassicText(ctx, event)
	if err != nil || ours {
		return err
	}
	members, err := s.twilio.ConversationsOf(ctx, text.From, text.To)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := s.Adopt(ctx, m.Conversation.SID); err != nil {
			return err
		}
	}
	if len(members) == 0 {
		s.log.WarnContext(ctx, "a text reached no conversation; textme webhooks apply makes them for texts that come first", "event_id", event)
	}
	return nil
}
