package store_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
)

// A turn says up to where nothing is missing, which may be less than what it
// answers.
func TestTurnKeepsHoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 0, "a"), f.text(ch1, mb1, ann, 2, "c"))
	lease := f.lease(id)
	c, err := f.Load(ctx, lease)
	must(t, err)
	for _, tt := range []struct {
		turn     chat.Turn
		complete bool // what is not answered yet has no hole
	}{
		{chat.Turn{Through: -1, GapsChecked: -1}, false},
		{chat.Turn{Through: 0, GapsChecked: 0}, false},
		{chat.Turn{Through: 1, GapsChecked: 1}, true},
		{chat.Turn{Through: 1, GapsChecked: 2}, true},
	} {
		must(t, f.FinishTurn(ctx, lease, tt.turn))
		c.GapsChecked = tt.turn.GapsChecked
		b, err := f.Burst(ctx, c)
		must(t, err)
		if b.Complete != tt.complete {
			t.Errorf("with holes checked through %d: complete is %t, want %t", c.GapsChecked, b.Complete, tt.complete)
		}
	}
	must(t, f.FinishTurn(ctx, lease, chat.Turn{Through: 2, GapsChecked: 0}))
	if got := one[int](f, `SELECT gaps_checked_through FROM conversations`); got != 1 {
		t.Errorf("holes count as checked through %d, want 1", got)
	}
}

// A turn counts once: neither the same replies nor others to the same texts, nor to
// earlier ones, are queued again, and what the first has left behind stays.
func TestTurnCountsOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 1, "a"), f.text(ch1, mb1, ann, 2, "b"))
	lease := f.lease(id)
	turn := chat.Turn{Through: 2, GapsChecked: 2, Replies: []string{"one", "two"}, State: []byte(`{"n": 1}`)}
	after := func() string {
		t.Helper()
		return one[string](f, `SELECT concat_ws(' ', answered_through_index, gaps_checked_through, handler, (SELECT state FROM bot_state),
			(SELECT string_agg(concat_ws(' ', body, status, turn, ordinal), ', ' ORDER BY turn, ordinal, created_at) FROM messages WHERE purpose = 'reply'))
			FROM conversations`)
	}
	const want = `2 2 bot {"n": 1} one queued 2 0, two queued 2 1`
	other := chat.Turn{Through: 2, GapsChecked: 3, Replies: []string{"one", "two", "three"}, State: []byte(`{"n": 2}`), HandOver: true}
	earlier := other
	earlier.Through = 1
	for _, tt := range []struct {
		name string
		turn chat.Turn
	}{{"first", turn}, {"the same again", turn}, {"another answer", other}, {"an answer to an earlier text", earlier}} {
		must(t, f.FinishTurn(ctx, lease, tt.turn))
		if got := after(); got != want {
			t.Errorf("%s: the turn has left %s, want %s", tt.name, got, want)
		}
	}

	// Should a row ever not know that it has answered, the transcript still does.
	f.exec(`UPDATE conversations SET answered_through_index = -1`)
	must(t, f.FinishTurn(ctx, lease, turn))
	if got := after(); got != want {
		t.Errorf("by a row that has forgotten: the turn has left %s, want %s", got, want)
	}
}

// A text that comes to light when a later one has been dealt with is in the transcript,
// and no turn is asked to answer it.
func TestBurstWithoutWhatComesLate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 2, "b"))
	lease := f.lease(id)
	must(t, f.FinishTurn(t.Context(), lease, chat.Turn{Through: 2, GapsChecked: 2, Replies: []string{"one"}}))
	f.apply(f.text(ch1, mb1, ann, 1, "a"), f.text(ch1, mb1, ann, 3, "c"))
	c, err := f.Load(t.Context(), lease)
	must(t, err)
	b, err := f.Burst(t.Context(), c)
	must(t, err)
	if len(b.Texts) != 1 || b.Texts[0].Index != 3 {
		t.Errorf("to be answered are %+v, want the third text alone", b.Texts)
	}
	if got := one[string](f, `SELECT string_agg(body, '' ORDER BY index) FROM messages WHERE direction = 'in'`); got != "abc" {
		t.Errorf("the transcript has %q, want abc", got)
	}
}

// lifted are the texts of the row's burst that lifted an opt-out, by index.
func (f *fixture) lifted(conversation uuid.UUID) (indexes []int) {
	f.t.Helper()
	c, err := f.Load(f.t.Context(), f.lease(conversation))
	must(f.t, err)
	b, err := f.Burst(f.t.Context(), c)
	must(f.t, err)
	for _, text := range b.Texts {
		if text.Lifted {
			indexes = append(indexes, text.Index)
		}
	}
	return indexes
}

// The classic webhook of a text that lifts an opt-out, as of a time before, does not
// take that from the text, whichever comes first.
func TestBurstBesideTheClassicWebhook(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"classic", "conversation"} {
		f := newFixture(t)
		id := f.live(ann, ch1, mb1)
		f.exec(`UPDATE conversations SET created_at = now() - interval '1 day'`)
		f.apply(f.ago(time.Hour, 1, "STOP"))
		events := []chat.Event{f.classic(ann, sender, 2, "YES", chat.Start), f.now(2, "YES")}
		if first == "conversation" {
			slices.Reverse(events)
		}
		for _, e := range events {
			f.apply(e)
		}
		if diff := cmp.Diff([]int{2}, f.lifted(id)); diff != "" {
			t.Errorf("%s first (-want +got):\n%s", first, diff)
		}
	}
}

// A YES is an answer to the bot, however soon after a START that the classic webhook
// has brought as well, or in a word that only Twilio knows.
func TestYesAfterAClassicStart(t *testing.T) {
	t.Parallel()
	for word, want := range map[string][]int{"START": {2}, "Oui": nil} {
		f := newFixture(t)
		id := f.live(ann, ch1, mb1)
		f.exec(`UPDATE conversations SET created_at = now() - interval '1 day'`)
		f.apply(f.ago(time.Hour, 1, "STOP"))
		f.apply(f.classic(ann, sender, 2, word, chat.Start))
		f.apply(f.now(2, word))
		f.apply(f.ago(-30*time.Second, 3, "I want to book a bike"))
		f.apply(f.classic(ann, sender, 4, "YES", ""))
		f.apply(f.ago(-45*time.Second, 4, "YES"))
		if diff := cmp.Diff(want, f.lifted(id)); diff != "" {
			t.Errorf("%s: lifted (-want +got):\n%s", word, diff)
		}
		f.replaysAlike()
	}
}

// A text that lifts an opt-out is told from one that finds none, also when it is
// told of late.
func TestBurstTellsWhatLifts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		f := newFixture(t)
		id := f.live(ann, ch1, mb1)
		var events []chat.Event
		for i, body := range []string{"YES", "STOP", "hello", "YES", "yes", "stop", "START", "UNSTOP"} {
			events = append(events, f.text(ch1, mb1, ann, i, body))
		}
		if seed > 0 {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		}
		for _, e := range events {
			f.apply(e)
		}
		if diff := cmp.Diff([]int{3, 6}, f.lifted(id)); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}
