package chat

import (
	"context"
	"slices"
)

const (
	mostReceipts = 50 // asked for in one poll; the next takes the rest
	// compared is how many of the newest messages are compared with Twilio's when
	// the mapping is checked: a page of a hundred has room for what is new as well.
	compared = 50
)

// ask makes the calls of one poll. What they find is stored at once.
func (s *Service) ask(ctx context.Context, done *PollDone) error {
	mapping := done.State != Closed && s.mappingDue(done.Poll)
	if err := s.askMessages(ctx, done, mapping); err != nil {
		return err
	}
	if err := s.askReceipts(ctx, done); err != nil || !mapping {
		return err
	}
	err := s.askMapping(ctx, done.Poll)
	done.Mapping = err == nil
	return err
}

// askMessages asks for the messages above the last index known to be complete. To
// compare is to look at those below again: an edit or a deletion by another
// program is told of by no webhook unless that program asks for it
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks). One made
// in the very second of the text is not seen: the list's dates are whole seconds.
func (s *Service) askMessages(ctx context.Context, done *PollDone, compare bool) error {
	known, asked := done.GapsChecked, s.now()
	after := known
	if compare {
		after -= compared
	}
	texts, err := s.twilio.MessagesAfter(ctx, done.SID, after)
	if err != nil {
		return err
	}
	var transcript []TranscriptMessage
	if compare {
		if transcript, err = s.store.Transcript(ctx, done.ConversationID, after, known); err != nil {
			return err
		}
	}
	var news []RemoteMessage
	for _, m := range texts {
		if m.Edited() || !slices.Contains(transcript, TranscriptMessage{m.SID, m.Index}) {
			news = append(news, m)
		}
	}
	if err := s.ingest(ctx, done.SID, news); err != nil {
		return err
	}
	done.HeardAt = asked
	if len(texts) > 0 {
		done.GapsChecked = max(known, texts[len(texts)-1].Index)
	}
	return s.askMissing(ctx, done.Poll, transcript, texts)
}

// askMissing looks for each message of the transcript that Twilio's list does not
// have: the list may be behind, or the conversation gone with all of them.
func (s *Service) askMissing(ctx context.Context, p Poll, transcript []TranscriptMessage, listed []RemoteMessage) error {
	for _, m := range transcript {
		if slices.ContainsFunc(listed, func(other RemoteMessage) bool { return other.SID == m.SID }) {
			continue
		}
		_, err := s.twilio.FetchMessage(ctx, p.SID, m.SID)
		switch {
		case err == nil:
			continue
		case !isGone(err):
			return err
		}
		if _, err := s.twilio.FetchConversation(ctx, string(p.SID)); err != nil {
			return err
		}
		if err := s.tell(ctx, PolledMessageRemoved(p.SID, m, s.now())); err != nil {
			return err
		}
	}
	return nil
}

// askReceipts asks for the receipts that the messages of ours are waiting for.
func (s *Service) askReceipts(ctx context.Context, done *PollDone) error {
	unsettled, err := s.store.Undelivered(ctx, done.ConversationID, mostReceipts)
	if err != nil {
		return err
	}
	for _, m := range unsettled {
		receipts, err := s.twilio.Receipts(ctx, done.SID, m)
		if err != nil && !isGone(err) { // a single message may be deleted
			return err
		}
		events := make([]Event, len(receipts))
		for i, r := range receipts {
			events[i] = PolledReceipt(done.SID, r)
		}
		if err := s.tell(ctx, events...); err != nil {
			return err
		}
		done.Asked = append(done.Asked, m)
	}
	return nil
}

// askMapping checks that conversation and participant still stand. A
// participant who was added again by somebody else has another SID: the worker
// then finds that one.
func (s *Service) askMapping(ctx context.Context, p Poll) error {
	rc, err := s.twilio.FetchConversation(ctx, string(p.SID))
	switch {
	case err != nil:
		return err
	case rc.State == string(Closed):
		return s.tell(ctx, PolledClosed(p.SID, s.now()))
	case p.Participant == "":
		return nil
	}
	people, err := s.twilio.Participants(ctx, p.SID)
	if err != nil {
		return err
	}
	for _, person := range people {
		if person.SID == p.Participant {
			return nil
		}
	}
	return s.tell(ctx, PolledParticipantRemoved(p.SID, p.Participant, s.now()))
}
