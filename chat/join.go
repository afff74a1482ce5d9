package chat

import (
	"context"
	"errors"
)

// join adds the customer's phone to the conversation as an SMS participant,
// or finds it there. After 50416, Twilio's word on who holds the pair is only
// a hint: it is looked at before anything is taken over.
func (s *Service) join(ctx context.Context, c *Conversation) (RemoteParticipant, error) {
	if err := s.room(ctx); err != nil {
		return RemoteParticipant{}, err
	}
	p, err := s.twilio.AddParticipant(ctx, c.SID, c.Phone, c.Sender)
	switch code(err) {
	case 50437: // in this conversation already
		return s.findParticipant(ctx, c)
	case 50416: // in another one
		return s.follow(ctx, c, holder(err))
	}
	return p, err
}

// follow looks at the conversation that holds the pair and adopts it if it
// can, when it is known what was said in the one that is left. One of another
// Conversation Service is another system's. A holder that is gone by now leaves the
// pair free for another attempt.
func (s *Service) follow(ctx context.Context, c *Conversation, named ConversationSID) (RemoteParticipant, error) {
	if err := s.room(ctx); err != nil {
		return RemoteParticipant{}, err
	}
	members, err := s.twilio.ConversationsOf(ctx, c.Phone, c.Sender)
	if err != nil {
		return RemoteParticipant{}, err
	}
	made := ConversationRef(c.SID)
	if c.Adopted { // it is not ours to delete
		made = ""
	}
	for _, m := range members {
		switch {
		case m.Conversation.SID == c.SID:
			return m.Participant, nil
		case named != "" && m.Conversation.SID != named:
			continue
		}
		if err := s.pull(ctx, c); err != nil {
			return RemoteParticipant{}, err
		}
		if err := s.adopt(ctx, c, m.Conversation, made); err != nil {
			return RemoteParticipant{}, err
		}
		return m.Participant, nil
	}
	if err := s.notElsewhere(ctx, named); err != nil {
		return RemoteParticipant{}, err
	}
	return RemoteParticipant{}, &TwilioError{Op: "add participant", Code: 20409, Err: errors.New("the pair was taken and is free again")}
}

// notElsewhere returns errForeign if the holder of a pair is in another Conversation
// Service: of our own, the list of a pair's conversations may lag behind. Credentials
// that may not look into other services are no reason to pause.
func (s *Service) notElsewhere(ctx context.Context, holder ConversationSID) error {
	if holder == "" {
		return nil
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	if _, err := s.twilio.FetchConversation(ctx, string(holder)); err == nil || !isGone(err) {
		return err
	}
	if err := s.room(ctx); err != nil {
		return err
	}
	elsewhere, err := s.twilio.HeldElsewhere(ctx, holder)
	if elsewhere {
		return errForeign
	}
	if te := (*TwilioError)(nil); errors.As(err, &te) && (te.Class() == OperatorError || te.Class() == Gone) {
		return nil
	}
	return err
}

func (s *Service) findParticipant(ctx context.Context, c *Conversation) (RemoteParticipant, error) {
	if err := s.room(ctx); err != nil {
		return RemoteParticipant{}, err
	}
	people, err := s.twilio.Participants(ctx, c.SID)
	if err != nil {
		return RemoteParticipant{}, err
	}
	for _, p := range people {
		if p.Address == c.Phone && p.ProxyAddress == c.Sender {
			return p, nil
		}
	}
	return RemoteParticipant{}, &TwilioError{Op: "add participant", Code: 50419, Err: errors.New("said to be there but not listed")}
}

// code is Twilio's error code in err, 0 when there is none.
func code(err error) int {
	var te *TwilioError
	if errors.As(err, &te) {
		return te.Code
	}
	return 0
}

// holder is the conversation that a 50416 names as having the pair.
func holder(err error) ConversationSID {
	var te *TwilioError
	if errors.As(err, &te) {
		return te.Holder
	}
	return ""
}
