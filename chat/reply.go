package chat

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"textme/bot"
)

type replyStore interface {
	// Burst loads the customer's texts above AnsweredThrough, in order.
	Burst(ctx context.Context, c Conversation) (Burst, error)
	// SaveHeard remembers that all that was said until then has been heard,
	// and up to which index holes were looked up.
	SaveHeard(ctx context.Context, lease Lease, at time.Time, through int) error
	// FinishTurn queues the replies and advances AnsweredThrough and
	// GapsChecked in one transaction. A turn that was finished before changes
	// nothing.
	FinishTurn(ctx context.Context, lease Lease, turn Turn) error
}

// Burst is what the customer wrote since the last turn.
type Burst struct {
	Texts    []CustomerText
	Highest  int             // highest index known of any message; -1: none
	Complete bool            // every index from GapsChecked to Highest is known
	OptedOut bool            // as of now
	State    json.RawMessage // the bot's memory; nil for a new customer
}

// CustomerText is one incoming text.
type CustomerText struct {
	Index  int
	Body   string
	At     time.Time
	Lifted bool // it lifted an opt-out
}

// Turn is the answer to one burst.
type Turn struct {
	Through     int      // the index of the last text it answers
	GapsChecked int      // up to here no hole is unknown to us
	Replies     []string // none: silence
	State       json.RawMessage
	HandOver    bool // the customer asked for a human
}

// reply lets the bot answer what the customer wrote since the last turn, once
// every hole before it is filled or known to be a true gap.
func (s *Service) reply(ctx context.Context, c *Conversation) error {
	if c.State != Active {
		return nil
	}
	b, err := s.store.Burst(ctx, *c)
	if err != nil {
		return err
	}
	if len(b.Texts) == 0 {
		return nil
	}
	if !b.Complete {
		if err := s.pull(ctx, c); err != nil {
			return err
		}
		if b, err = s.store.Burst(ctx, *c); err != nil {
			return err
		}
	}
	waiting, err := s.holdBack(&b, c.GapsChecked)
	if err != nil {
		return err
	}
	turn, err := s.turn(*c, b)
	if err != nil {
		return err
	}
	if err := s.store.FinishTurn(ctx, c.Lease, turn); err != nil || !waiting {
		return err
	}
	return Snooze{After: time.Second, Why: "a text came behind a hole"}
}

// listLag is how far Twilio's list of messages may lag behind its webhooks before
// a text is answered past what the list may yet bring. Twilio documents no figure;
// this is as long as somebody may be kept waiting for an answer.
const listLag = 10 * time.Second

// holdBack leaves texts for the next turn that came behind a new hole while we
// asked about the old ones, and reports whether there are any. When there is
// nothing else to answer, Twilio's list is behind its webhooks, and a Snooze is
// returned until the oldest text has waited for listLag. Then the answer does not
// wait any longer, and the hole stays on record.
func (s *Service) holdBack(b *Burst, checked int) (waiting bool, err error) {
	if b.Complete {
		return false, nil
	}
	n := 0
	for n < len(b.Texts) && b.Texts[n].Index <= checked {
		n++
	}
	if n == len(b.Texts) {
		return false, nil
	}
	if n == 0 {
		// A clock that is wrong by more than that is not waited for, whichever it is.
		if age := s.now().Sub(b.Texts[0].At).Abs(); age < listLag {
			return false, Snooze{After: max(time.Second, age), Why: "Twilio's list is behind its webhooks"}
		}
		return false, nil
	}
	b.Texts = b.Texts[:n]
	return true, nil
}

// pull asks Twilio for every message above the last checked index and stores
// what was missing. That there was nothing is written down once an hour: unheard
// counts in days.
func (s *Service) pull(ctx context.Context, c *Conversation) error {
	return s.pullAlso(ctx, c, uuid.Nil)
}

// pullAlso is pull that also looks for a message of ours among the newest that were
// looked up before: Twilio's list may have had later ones first.
func (s *Service) pullAlso(ctx context.Context, c *Conversation, ours uuid.UUID) error {
	if err := s.room(ctx); err != nil {
		return err
	}
	asked, after := s.now(), c.GapsChecked
	if ours != uuid.Nil {
		after -= compared
	}
	texts, err := s.twilio.MessagesAfter(ctx, c.SID, after)
	if err != nil {
		return err
	}
	texts = slices.DeleteFunc(texts, func(m RemoteMessage) bool {
		return m.Index <= c.GapsChecked && m.OurID != ours
	})
	if err := s.ingest(ctx, c.SID, texts); err != nil {
		return err
	}
	before := c.HeardAt
	c.HeardAt = asked
	switch {
	case len(texts) > 0:
		c.GapsChecked = max(c.GapsChecked, texts[len(texts)-1].Index)
	case asked.Sub(before) < time.Hour:
		return nil
	}
	return s.store.SaveHeard(ctx, c.Lease, c.HeardAt, c.GapsChecked)
}

// turn decides what to say. Keywords were obeyed when they came and Twilio
// has answered them; the bot never sees them, nor what came before we did,
// nor what is too old to answer.
func (s *Service) turn(c Conversation, b Burst) (Turn, error) {
	t := Turn{Through: b.Texts[len(b.Texts)-1].Index, GapsChecked: c.GapsChecked, State: b.State}
	if b.Complete {
		t.GapsChecked = max(t.Through, c.GapsChecked)
	}
	var heard []string
	for _, text := range b.Texts {
		if text.Index >= c.ReplyFrom && s.now().Sub(text.At) <= ReplyAge && ReadKeyword(text.Body, text.Lifted) == NoKeyword {
			heard = append(heard, text.Body)
		}
	}
	if len(heard) == 0 || b.OptedOut || c.Handler == AgentHandler {
		return t, nil
	}
	var state bot.State
	if b.State != nil {
		if err := json.Unmarshal(b.State, &state); err != nil {
			return Turn{}, err
		}
	}
	said := bot.Reply(s.opts.Script, state, heard, b.Texts[len(b.Texts)-1].At)
	memory, err := json.Marshal(said.State)
	if err != nil {
		return Turn{}, err
	}
	t.Replies, t.State, t.HandOver = said.Replies, memory, said.HandOver
	return t, nil
}
