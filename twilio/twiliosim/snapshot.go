package twiliosim

import (
	"cmp"
	"maps"
	"slices"
)

// Conversations returns all conversations of all services, oldest first. Like
// everything a Server returns they are copies.
func (s *Server) Conversations() []Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Conversation, 0, len(s.w.conversations))
	for _, conv := range s.w.conversations {
		out = append(out, conv.Conversation)
	}
	return out
}

// Conversation returns one conversation by SID, or by UniqueName in the default
// service, and whether there is one.
func (s *Server) Conversation(sidOrName string) (Conversation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conv := s.lookup(sidOrName)
	if conv == nil {
		return Conversation{}, false
	}
	return conv.Conversation, true
}

// lookup needs the lock.
func (s *Server) lookup(sidOrName string) *conversation {
	if conv := s.w.bySID[sidOrName]; conv != nil {
		return conv
	}
	return s.w.find(s.w.account.DefaultServiceSID, sidOrName)
}

// Participants returns a conversation's participants, oldest first; nil if
// there is no such conversation.
func (s *Server) Participants(sidOrName string) []Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Participant
	if conv := s.lookup(sidOrName); conv != nil {
		for _, p := range conv.participants {
			out = append(out, *p)
		}
	}
	return out
}

// Messages returns a conversation's messages by index; nil if there is no such
// conversation.
func (s *Server) Messages(sidOrName string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	if conv := s.lookup(sidOrName); conv != nil {
		for _, m := range conv.messages {
			out = append(out, m.Message)
		}
	}
	return out
}

// Receipts returns the receipts of one message as far as the carrier has
// spoken; nil if there are none.
func (s *Server) Receipts(messageSID string) []Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Receipt
	for _, conv := range s.w.conversations {
		if m := conv.message(messageSID); m != nil {
			for _, r := range m.visibleReceipts() {
				out = append(out, *r)
			}
		}
	}
	return out
}

// OptOuts returns every block in force, by scope and phone.
func (s *Server) OptOuts() []OptOut {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.w.optOuts), func(a, b OptOut) int { return cmp.Compare(a.id(), b.id()) })
}

// Handsets returns every phone that was ever asked for, texted or texting, in
// order of appearance.
func (s *Server) Handsets() []*Handset {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Handset
	for _, h := range s.w.handsetsInOrder() {
		out = append(out, &Handset{s, h.Phone})
	}
	return out
}

func (w *world) handsetsInOrder() []*handset {
	return slices.SortedFunc(maps.Values(w.handsets), func(a, b *handset) int { return cmp.Compare(a.Seq, b.Seq) })
}

// Unexpected returns the texts that arrived at any handset and that no Wait has
// returned, oldest first: what a strict test wants to be empty at its end.
func (s *Server) Unexpected() []Text {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Text
	for _, h := range s.w.handsets {
		for _, t := range h.texts {
			if !t.Sent && t.Arrived() && !s.seen[t.ID] {
				out = append(out, t)
			}
		}
	}
	slices.SortFunc(out, func(a, b Text) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// Dropped returns the texts from handsets that no conversation took.
func (s *Server) Dropped() []Text {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dropped)
}

// Calls counts the API calls so far by method and route, for example
// "POST /v1/Conversations/{ConversationSid}/Messages", refused and faulted ones
// included.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Unknown returns method and path of every API call that the simulator does not
// simulate, in order.
func (s *Server) Unknown() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.unknown)
}

// ServiceSID is the default Conversation Service (IS…).
func (s *Server) ServiceSID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.account.DefaultServiceSID
}
