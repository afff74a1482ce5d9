package chat

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/bot"
)

// talk is a conversation's store and Twilio for one turn.
type talk struct {
	Store
	Twilio
	bursts []Burst         // as asked for, one after another
	list   []RemoteMessage // what Twilio has, to be asked for once
	turns  []Turn
	sends  int // looks for texts to send
}

func (t *talk) Burst(context.Context, Conversation) (Burst, error) {
	b := t.bursts[0]
	t.bursts = t.bursts[1:]
	return b, nil
}

func (t *talk) MessagesAfter(context.Context, ConversationSID, int) ([]RemoteMessage, error) {
	return t.list, nil
}

func (t *talk) ApplyEvents(context.Context, []Event) ([]Result, error) { return nil, nil }
func (t *talk) SaveHeard(context.Context, Lease, time.Time, int) error { return nil }
func (t *talk) Unsent(context.Context, Conversation) ([]Outgoing, error) {
	t.sends++
	return nil, nil
}

func (t *talk) FinishTurn(_ context.Context, _ Lease, turn Turn) error {
	t.turns = append(t.turns, turn)
	return nil
}

// A hole that opens while an old one is looked up is neither answered past nor
// taken for one that was looked up.
func TestReplyAndHoles(t *testing.T) {
	t.Parallel()
	const none = -1
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	burst := func(complete bool, indexes ...int) (b Burst) {
		b.Complete = complete
		for _, i := range indexes {
			b.Texts = append(b.Texts, CustomerText{Index: i, Body: "hello", At: now})
		}
		return b
	}
	list := func(last int) (texts []RemoteMessage) {
		for i := range last + 1 {
			texts = append(texts, RemoteMessage{Index: i, At: now})
		}
		return texts
	}
	for name, tt := range map[string]struct {
		bursts  []Burst
		list    []RemoteMessage
		age     time.Duration // of the texts
		through int           // none: not answered
		checked int
		again   bool
	}{
		"no hole":                        {[]Burst{burst(true, 0, 1)}, nil, 0, 1, 1, false},
		"a hole is filled":               {[]Burst{burst(false, 1), burst(true, 0, 1)}, list(1), 0, 1, 1, false},
		"another opens meanwhile":        {[]Burst{burst(false, 1), burst(false, 0, 1, 3)}, list(1), 0, 1, 1, true},
		"the list is behind":             {[]Burst{burst(false, 3), burst(false, 3)}, list(1), 0, none, none, true},
		"the list is behind for long":    {[]Burst{burst(false, 3), burst(false, 3)}, list(1), listLag, 3, 1, false},
		"the list is behind, clock slow": {[]Burst{burst(false, 3), burst(false, 3)}, list(1), -time.Hour, 3, 1, false},
		"our own text is in the hole":    {[]Burst{burst(false, 2), burst(false, 2)}, list(2), 0, 2, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &talk{bursts: tt.bursts, list: tt.list}
			s := New(f, f, Options{}, func() time.Time { return now.Add(tt.age) }, slog.New(slog.DiscardHandler))
			err := s.reply(t.Context(), &Conversation{State: Active, SID: "CH1", AnsweredThrough: -1, GapsChecked: -1})
			var snooze Snooze
			if errors.As(err, &snooze) != tt.again || err != nil && !tt.again {
				t.Errorf("got %v, want to come again: %t", err, tt.again)
			}
			if tt.through == none && len(f.turns) == 0 {
				return
			}
			if len(f.turns) != 1 {
				t.Fatalf("%d turns, want 1", len(f.turns))
			}
			if diff := cmp.Diff([2]int{tt.through, tt.checked}, [2]int{f.turns[0].Through, f.turns[0].GapsChecked}); diff != "" {
				t.Errorf("answered through and checked through:\n%s", diff)
			}
		})
	}
}

// While an answer waits for Twilio's list, what others have written is sent.
func TestWaitingAnswerHoldsNothingUp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	behind := Burst{Texts: []CustomerText{{Index: 3, Body: "hello", At: now}}}
	f := &talk{bursts: []Burst{behind, behind}}
	s := New(f, f, Options{}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	err := s.step(t.Context(), &Conversation{State: Active, SID: "CH1", ParticipantSID: "MB1", Decided: true, HeardAt: now, AnsweredThrough: -1, GapsChecked: -1})
	if !errors.As(err, new(Snooze)) || len(f.turns) > 0 {
		t.Errorf("got %v and %d turns, want to come again for the first", err, len(f.turns))
	}
	if f.sends != 1 {
		t.Errorf("looked %d times for texts to send, want once", f.sends)
	}
}

// What the bot does not answer is dealt with all the same, and what it remembers stays.
func TestTurnsOfSilence(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	script, err := bot.Default()
	if err != nil {
		t.Fatal(err)
	}
	hours := func(age time.Duration) CustomerText { return CustomerText{Body: "HOURS", At: now.Add(-age)} }
	one := func(text CustomerText) func(*Burst) {
		return func(b *Burst) { b.Texts = []CustomerText{text} }
	}
	byAgent := Conversation{Handler: AgentHandler}
	for name, tt := range map[string]struct {
		c        Conversation
		change   func(*Burst)
		answers  int
		handOver bool
	}{
		"asked just now":             {Conversation{}, one(hours(0)), 1, false},
		"as old as may be":           {Conversation{}, one(hours(ReplyAge)), 1, false},
		"older":                      {Conversation{}, one(hours(ReplyAge + time.Second)), 0, false},
		"older, beside a fresh one":  {Conversation{}, func(b *Burst) { b.Texts = []CustomerText{hours(time.Hour), hours(0)} }, 1, false},
		"from before we came":        {Conversation{ReplyFrom: 1}, one(hours(0)), 0, false},
		"a keyword of the network's": {Conversation{}, one(CustomerText{Body: "HELP", At: now}), 0, false},
		"after a STOP":               {Conversation{}, func(b *Burst) { b.Texts, b.OptedOut = []CustomerText{hours(0)}, true }, 0, false},
		"an agent has it":            {byAgent, one(hours(0)), 0, false},
		"asks for an agent":          {Conversation{}, one(CustomerText{Body: "AGENT", At: now}), 1, true},
		"asks for an agent again":    {byAgent, one(CustomerText{Body: "AGENT", At: now}), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := Burst{Complete: true, State: []byte(`{"version":1,"said":1}`)}
			tt.change(&b)
			for i := range b.Texts {
				b.Texts[i].Index = i
			}
			f := &talk{bursts: []Burst{b}}
			s := New(f, f, Options{Script: script}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
			tt.c.State, tt.c.SID, tt.c.AnsweredThrough, tt.c.GapsChecked = Active, "CH1", -1, -1
			if err := s.reply(t.Context(), &tt.c); err != nil || len(f.turns) != 1 {
				t.Fatalf("%d turns, %v, want 1", len(f.turns), err)
			}
			turn := f.turns[0]
			if last := len(b.Texts) - 1; turn.Through != last || turn.GapsChecked != last {
				t.Errorf("dealt with through %d, holes through %d, want %d", turn.Through, turn.GapsChecked, last)
			}
			if len(turn.Replies) != tt.answers || turn.HandOver != tt.handOver {
				t.Errorf("answers are %q, hand-over %t; want %d, %t", turn.Replies, turn.HandOver, tt.answers, tt.handOver)
			}
			if same := string(turn.State) == string(b.State); same != (tt.answers == 0) {
				t.Errorf("the bot remembers %s, before %s", turn.State, b.State)
			}
		})
	}
}
