package twiliosim

import "slices"

// Pair is a handset and the sender it is texted through.
type Pair struct{ Phone, Sender string }

// Oracle is the ledger summed up: what a checker compares a service's own
// tables with. It is made from the ledger alone, not from the world that the
// API shows.
type Oracle struct {
	Pairs map[Pair]*PairHistory
	// Orphans are the conversations, neither closed nor deleted, that nobody is in.
	Orphans []string
	// Dropped are the texts from handsets that no conversation took.
	Dropped []Text
}

// PairHistory is all about one pair, each part in order of time.
type PairHistory struct {
	Conversations []string // CH SIDs it was ever bound in
	Live          []string // those it is bound in now, neither closed nor deleted
	Participants  []string // MB SIDs it ever had
	Present       []string // those it has now in Live
	Outbound      []OutboundText
	Inbound       []InboundText
}

// OutboundText is a message on its way to one handset: from the API, or from
// another handset in the conversation, which Author then names. Status is ""
// until the carrier has spoken; Arrived says that the handset shows it.
type OutboundText struct {
	ConversationSID, MessageSID string
	Author, Body, Attributes    string
	Status                      string
	ErrorCode                   int
	Arrived                     bool
}

// InboundText is a text from the handset to the sender. ConversationSID and
// MessageSID are empty if no conversation took it.
type InboundText struct {
	TextID                      string // SM…
	ConversationSID, MessageSID string
	Body                        string
}

// Oracle sums up the ledger so far. It needs Options.Ledger.
func (s *Server) Oracle() Oracle { return newTally(s.Ledger()).oracle() }

// tally is an Oracle in the making.
type tally struct {
	Oracle
	order []string                          // conversations, oldest first
	live  map[string]map[string]Participant // of conversations neither closed nor deleted
	sent  map[textKey]func() *OutboundText
}

// textKey finds one text of a message by its receipt.
type textKey struct {
	messageSID string
	pair       Pair
}

func newTally(ledger []Entry) *tally {
	t := &tally{
		Oracle: Oracle{Pairs: map[Pair]*PairHistory{}},
		live:   map[string]map[string]Participant{}, sent: map[textKey]func() *OutboundText{},
	}
	for _, e := range ledger {
		t.add(e.Fact)
	}
	return t
}

func (t *tally) add(f Fact) {
	switch f := f.(type) {
	case ConversationCreated:
		t.order = append(t.order, f.Conversation.SID)
		t.live[f.Conversation.SID] = map[string]Participant{}
	case ConversationMoved:
		if f.To == stateClosed {
			delete(t.live, f.ConversationSID)
		}
	case ConversationDeleted:
		delete(t.live, f.ConversationSID)
	case ParticipantAdded:
		t.join(f.Participant)
	case ParticipantRemoved:
		delete(t.live[f.Participant.ConversationSID], f.Participant.SID)
	case MessageCreated:
		t.send(f)
	case ReceiptUpdated:
		if text := t.sent[textKey{f.Receipt.MessageSID, Pair{f.Receipt.To, f.Receipt.From}}]; text != nil {
			text().Status, text().ErrorCode = f.Receipt.Status, f.Receipt.ErrorCode
		}
	case TextDelivered:
		if text := t.sent[textKey{f.Text.MessageSID, Pair{f.Text.To, f.Text.From}}]; text != nil {
			text().Arrived = true
		}
	case HandsetTexted:
		p := t.pair(f.Text.From, f.Text.To)
		p.Inbound = append(p.Inbound, InboundText{f.Text.ID, f.ConversationSID, f.Text.MessageSID, f.Text.Body})
		if f.ConversationSID == "" {
			t.Dropped = append(t.Dropped, f.Text)
		}
	}
}

func (t *tally) join(p Participant) {
	if members := t.live[p.ConversationSID]; members != nil {
		members[p.SID] = p
	}
	if p.Address == "" {
		return
	}
	history := t.pair(p.Address, p.ProxyAddress)
	history.Participants = append(history.Participants, p.SID)
	if !slices.Contains(history.Conversations, p.ConversationSID) {
		history.Conversations = append(history.Conversations, p.ConversationSID)
	}
}

func (t *tally) send(f MessageCreated) {
	for _, to := range f.Recipients {
		p := t.pair(to.Phone, to.Sender)
		i := len(p.Outbound)
		p.Outbound = append(p.Outbound, OutboundText{
			ConversationSID: f.Message.ConversationSID, MessageSID: f.Message.SID,
			Author: f.Message.Author, Body: f.Message.Body, Attributes: f.Message.Attributes,
		})
		t.sent[textKey{f.Message.SID, to}] = func() *OutboundText { return &p.Outbound[i] }
	}
}

func (t *tally) pair(phone, sender string) *PairHistory {
	key := Pair{phone, sender}
	if t.Pairs[key] == nil {
		t.Pairs[key] = &PairHistory{}
	}
	return t.Pairs[key]
}

// oracle fills in what only the end shows.
func (t *tally) oracle() Oracle {
	for _, ch := range t.order {
		if members, live := t.live[ch]; live && len(members) == 0 {
			t.Orphans = append(t.Orphans, ch)
		}
	}
	for pair, p := range t.Pairs {
		for _, ch := range p.Conversations {
			n := len(p.Present)
			for _, mb := range p.Participants {
				if at, here := t.live[ch][mb]; here && at.Address == pair.Phone {
					p.Present = append(p.Present, mb)
				}
			}
			if len(p.Present) > n {
				p.Live = append(p.Live, ch)
			}
		}
	}
	return t.Oracle
}
