package chat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// round is a store with conversations that are due, and a Twilio that answers calls
// about some of them with an error.
type round struct {
	Store
	Twilio
	due       []Poll
	wrong     map[ConversationSID]error
	concerns  []string
	done      map[ConversationSID]time.Duration // until the next poll
	owed      map[ConversationSID]bool
	mapped    bool  // the latest poll checked the mapping
	letOff    bool  // it could not, because of itself alone
	unfetched error // of a conversation
	unclaimed []ConversationSID
	lookDue   bool
	lookAgain time.Duration
	stop      func() // ends the service during the next call
}

func (r *round) ClaimLook(context.Context, time.Duration, time.Duration) (since time.Time, due bool, err error) {
	return time.Time{}, r.lookDue, nil
}

func (r *round) ConversationsSince(ctx context.Context, _ time.Time) ([]RemoteConversation, error) {
	if r.stop != nil {
		r.stop()
	}
	return nil, ctx.Err()
}

func (r *round) LookAgain(ctx context.Context, after time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.lookAgain = after
	return nil
}

func (r *round) ClaimPolls(_ context.Context, most int, _ time.Duration) ([]Poll, error) {
	n := min(most, len(r.due))
	claimed := r.due[:n]
	r.due = r.due[n:]
	return claimed, nil
}

func (r *round) UnclaimPolls(ctx context.Context, polls []Poll) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, p := range polls {
		r.unclaimed = append(r.unclaimed, p.SID)
	}
	return nil
}

func (r *round) MessagesAfter(ctx context.Context, sid ConversationSID, _ int) ([]RemoteMessage, error) {
	if r.stop != nil {
		r.stop()
		return nil, ctx.Err()
	}
	r.concerns = append(r.concerns, Concern(ctx))
	return nil, r.wrong[sid]
}

func (*round) Restored(context.Context) (bool, error) { return false, nil }

func (*round) ResumeCredentials(context.Context) (bool, error) { return false, nil }

func (*round) Undelivered(context.Context, uuid.UUID, int) ([]MessageSID, error) { return nil, nil }

func (r *round) FinishPoll(_ context.Context, done PollDone) error {
	r.done[done.SID] = done.Next
	if r.owed == nil {
		r.owed = map[ConversationSID]bool{}
	}
	r.owed[done.SID] = done.Owed
	r.mapped, r.letOff = done.Mapping, done.LetOff
	return nil
}

func (*round) Transcript(context.Context, uuid.UUID, int, int) ([]TranscriptMessage, error) {
	return nil, nil
}

func (r *round) FetchConversation(context.Context, string) (RemoteConversation, error) {
	return RemoteConversation{}, r.unfetched
}

// A mapping about which nobody could be asked is not checked.
func TestMappingIsCheckedWhenAsked(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := &round{done: map[ConversationSID]time.Duration{}}
	s := New(r, r, Options{ReconcileEvery: 10 * time.Minute}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	for _, err := range []error{&TwilioError{Status: 503}, nil} {
		r.unfetched = err
		if _, err := s.poll(t.Context(), Poll{ConversationID: uuid.New(), SID: "CH1", LastActivity: now, DueAt: now}); err != nil {
			t.Fatal(err)
		}
		if r.mapped != (err == nil) {
			t.Errorf("when the conversation's answer is %v, the mapping was checked: %t", err, r.mapped)
		}
	}
}

// One conversation that cannot be polled, whatever is the matter, keeps no other from
// its turn; only what all would meet ends the round, and then the others are due as
// before.
func TestFailedPollIsPassedBy(t *testing.T) {
	t.Parallel()
	const every = 10 * time.Minute
	now := time.Now()
	first, second, third := uuid.New(), uuid.New(), uuid.New()
	failing := func(te TwilioError) error { return &te }
	tests := map[string]struct {
		err   error
		ends  bool          // the round
		again time.Duration // at least; 0: it is not told
		owed  bool          // what it may have missed
	}{
		"no answer":                      {failing(TwilioError{Status: 500}), false, pollHold, true},
		"refused":                        {failing(TwilioError{Status: 400}), false, every, false},
		"of no use":                      {failing(TwilioError{Status: 400, Code: 50407}), false, every, false},
		"it alone is to wait":            {failing(TwilioError{RetryAfter: time.Hour, Alone: true}), false, time.Hour, true},
		"the facts cannot be read":       {errors.New("odd"), false, pollHold, true},
		"everybody is to wait":           {failing(TwilioError{Status: 429, RetryAfter: time.Minute}), true, time.Minute, true},
		"the credentials are not valid":  {failing(TwilioError{Status: 401}), true, 0, false},
		"the database cannot be written": {ErrUnavailable, true, 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &round{wrong: map[ConversationSID]error{"CH1": tt.err}, done: map[ConversationSID]time.Duration{}}
			for sid, id := range map[ConversationSID]uuid.UUID{"CH1": first, "CH2": second, "CH3": third} {
				r.due = append(r.due, Poll{ConversationID: id, SID: sid, LastActivity: now, DueAt: now, MappingCheckedAt: now})
			}
			slices.SortFunc(r.due, func(a, b Poll) int { return strings.Compare(string(a.SID), string(b.SID)) })
			s := New(r, r, Options{ReconcileEvery: every}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
			err := s.Reconcile(t.Context())
			others := map[ConversationSID]time.Duration{"CH2": every, "CH3": every}
			if tt.ends {
				others = map[ConversationSID]time.Duration{}
				if diff := cmp.Diff([]ConversationSID{"CH2", "CH3"}, r.unclaimed); diff != "" {
					t.Errorf("due again (-want +got):\n%s", diff)
				}
			}
			again := r.done["CH1"]
			delete(r.done, "CH1")
			if diff := cmp.Diff(others, r.done); diff != "" {
				t.Errorf("%v; the others' next polls (-want +got):\n%s", err, diff)
			}
			if again < tt.again || again > tt.again*5/4+time.Second {
				t.Errorf("tried again after %v, want about %v", again, tt.again)
			}
			if r.owed["CH1"] != tt.owed || r.owed["CH2"] || r.owed["CH3"] {
				t.Errorf("still to be asked: %v, want CH1 %t", r.owed, tt.owed)
			}
			if want := (AdvanceJob{first}); r.concerns[0] != Concern(Concerning(t.Context(), want)) {
				t.Errorf("its call is about %q, want what its job is about", r.concerns[0])
			}
		})
	}
}

// In an outage no poll is put off as if something were wrong with the conversation,
// neither one that fails nor one that the client lets nobody make. What else had failed
// before goes on counting.
func TestOutageIsNobodysOwn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := &round{wrong: map[ConversationSID]error{}, done: map[ConversationSID]time.Duration{}}
	s := New(r, r, Options{ReconcileEvery: 10 * time.Minute}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	due := map[ConversationSID]Poll{}
	for _, sid := range []ConversationSID{"dead", "asked", "held"} {
		due[sid] = Poll{ConversationID: uuid.New(), SID: sid, LastActivity: now, DueAt: now, MappingCheckedAt: now}
	}
	poll := func(sid ConversationSID, want time.Duration, wrong error) {
		t.Helper()
		r.wrong[sid] = wrong
		_, _ = s.poll(t.Context(), due[sid])
		if got := r.done[sid]; got < want || got > want*5/4+time.Second {
			t.Errorf("%q is polled again after %v, want about %v", sid, got, want)
		}
	}
	down, held := &TwilioError{Status: 503}, &TwilioError{RetryAfter: time.Second, Err: errors.New("twilio does not answer")}
	for _, times := range []time.Duration{1, 2} {
		poll("dead", times*pollHold, down)
		if own := times > 1; r.owed["dead"] == own {
			t.Errorf("after %d failures, the others going well, it is still to be asked: %t", times, r.owed["dead"])
		} else if r.letOff != own || r.mapped {
			t.Errorf("after %d failures it is let off: %t; the mapping was checked: %t", times, r.letOff, r.mapped)
		}
		poll("asked", 10*time.Minute, nil)
	}
	for range 10 {
		poll("asked", pollHold, down)
		poll("held", time.Second, held)
	}
	poll("dead", 4*pollHold, down)
	poll("held", 10*time.Minute, nil)
	poll("asked", 2*pollHold, down)
}

// A service that stops leaves the look and the polls that it does not reach to others.
func TestStoppedPolling(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, looks := range []bool{true, false} {
		ctx, stop := context.WithCancel(t.Context())
		r := &round{lookDue: looks, stop: stop, done: map[ConversationSID]time.Duration{}}
		for _, sid := range []ConversationSID{"CH1", "CH2", "CH3"} {
			r.due = append(r.due, Poll{ConversationID: uuid.New(), SID: sid, LastActivity: now, DueAt: now, MappingCheckedAt: now})
		}
		s := New(r, r, Options{ReconcileEvery: 10 * time.Minute, Timing: Timing{Call: time.Second}}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		if err := s.Reconcile(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("looking %t: stopped with %v", looks, err)
		}
		if looks && r.lookAgain == 0 {
			t.Error("the look is kept from others")
		}
		if !looks && len(r.unclaimed) != 2 {
			t.Errorf("unclaimed were %v, want the two that were not reached", r.unclaimed)
		}
	}
}

// One that is to be left for a while, when others need not, is let off in the end: it may
// be itself alone. What fails with no word of when to call again is, the second time.
func TestLetOff(t *testing.T) {
	t.Parallel()
	now := time.Now()
	failing := Poll{ConversationID: uuid.New(), SID: "CH1", LastActivity: now, DueAt: now, MappingCheckedAt: now}
	well := Poll{ConversationID: uuid.New(), SID: "CH2", LastActivity: now, DueAt: now, MappingCheckedAt: now}
	for name, tt := range map[string]struct {
		err  *TwilioError
		owed int // so often
	}{
		"fails":          {&TwilioError{Status: 500}, 1},
		"to be left":     {&TwilioError{Status: 429, RetryAfter: time.Second}, mostRests},
		"alone":          {&TwilioError{RetryAfter: time.Second, Alone: true}, mostRests},
		"nobody may ask": {&TwilioError{RetryAfter: time.Second}, 10},
	} {
		r := &round{wrong: map[ConversationSID]error{"CH1": tt.err}, done: map[ConversationSID]time.Duration{}}
		s := New(r, r, Options{ReconcileEvery: 10 * time.Minute}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		owed := 0
		for range 10 {
			_, _ = s.poll(t.Context(), failing) // one that all are to wait for is an error, as TestFailedPollIsPassedBy has it
			if r.letOff == r.owed["CH1"] {
				t.Errorf("%s: owed %t, let off %t", name, r.owed["CH1"], r.letOff)
			}
			if r.owed["CH1"] {
				owed++
			}
			if _, err := s.poll(t.Context(), well); err != nil {
				t.Fatal(err)
			}
		}
		if owed != tt.owed {
			t.Errorf("%s: owed %d times in ten, want %d", name, owed, tt.owed)
		}
	}
}

// What fails again and again, while another conversation can be polled, is tried ever
// more rarely, until it went well.
func TestFailedPollWaitsLonger(t *testing.T) {
	t.Parallel()
	now := time.Now()
	quiet := Poll{ConversationID: uuid.New(), SID: "CH1", LastActivity: now.Add(-60 * 24 * time.Hour), DueAt: now, MappingCheckedAt: now}
	well := Poll{ConversationID: uuid.New(), SID: "CH2", LastActivity: now, DueAt: now, MappingCheckedAt: now}
	r := &round{wrong: map[ConversationSID]error{}, done: map[ConversationSID]time.Duration{}}
	s := New(r, r, Options{ReconcileEvery: 10 * time.Minute}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	for i, want := range []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 0, 2 * time.Minute} {
		r.wrong["CH1"] = nil
		if want > 0 {
			r.wrong["CH1"] = &TwilioError{Status: 500}
		}
		if asked, err := s.poll(t.Context(), quiet); err != nil || asked != (want == 0) {
			t.Fatalf("poll %d: asked %t, %v", i, asked, err)
		}
		if got := r.done["CH1"]; want > 0 && (got < want || got > want*5/4+time.Second) {
			t.Errorf("failure %d: tried again after %v, want about %v", i, got, want)
		}
		if asked, err := s.poll(t.Context(), well); err != nil || !asked {
			t.Fatalf("the other one: asked %t, %v", asked, err)
		}
	}
	if got := s.pollWait(1000, 10*time.Minute); got != longestPollWait {
		t.Errorf("at the most after %v, want %v", got, longestPollWait)
	}
	if got := s.pollWait(1000, 60*time.Hour); got != 60*time.Hour {
		t.Errorf("a quiet one at the most after %v, want 60h", got)
	}
}
