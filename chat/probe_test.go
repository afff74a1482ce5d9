package chat

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
)

// probing is the store of a conversation whose turn it is to probe.
type probing struct {
	waiting
	loaded     Conversation
	handedBack *int
}

func (p probing) Load(context.Context, Lease) (Conversation, error) { return p.loaded, nil }

func (probing) Admission(context.Context, Conversation) (Admission, error) {
	return Admission{Wanted: true}, nil
}

func (probing) ClaimProbe(context.Context, Phone, time.Time, time.Time) (bool, error) {
	return true, nil
}

func (p probing) HandBackProbe(context.Context, Phone, time.Time, time.Time) error {
	*p.handedBack++
	return nil
}

func (probing) Burst(context.Context, Conversation) (Burst, error) { return Burst{}, nil }

func (probing) Unsent(context.Context, Conversation) ([]Outgoing, error) {
	return []Outgoing{{Status: Queued, CreatedAt: time.Now()}}, nil
}

func (probing) BeginSend(context.Context, Lease, uuid.UUID, Gate) (Verdict, error) {
	return Verdict{Until: time.Now().Add(time.Hour), Why: "quiet hours"}, nil
}

// unasked is a Twilio that nobody calls.
type unasked struct{ Twilio }

func (unasked) Reserve(ctx context.Context) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

// Whoever turns out to have no call to make hands the probe back.
func TestProbeWithoutACall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Conversation{
		"the rate is used up":      {State: Pending},
		"the night holds its text": {State: Active, SID: "CH", Decided: true, HeardAt: time.Now()},
	} {
		handedBack := 0
		c.ID, c.Paused = uuid.New(), "suspended"
		s := New(probing{waiting{}, c, &handedBack}, unasked{}, Options{CreateEvery: time.Second}, time.Now, slog.New(slog.DiscardHandler))
		s.pace.putOff(createScope, uuid.New(), time.Second, time.Minute) // others wait
		if err := s.Advance(t.Context(), c.ID); err == nil || handedBack != 1 {
			t.Errorf("%s: got %v, and the probe was handed back %d times, want once", name, err, handedBack)
		}
	}
}

// passing is a store that counts the probes that are passed on.
type passing struct {
	probing
	passed *int
}

func (p passing) PassProbe(context.Context, Lease, Phone, time.Duration) error {
	*p.passed++
	return nil
}

// failing is a Twilio that answers the first call with an error.
type failing struct {
	unasked
	err error
}

func (f failing) ConversationsOf(context.Context, Phone, Phone) ([]Membership, error) {
	return nil, f.err
}

// Only a call tells that something may be wrong with the one who probes, and that the
// next may fare better. While Twilio is down for everybody, no probe wanders from one to
// the next.
func TestProbeIsPassedOnAfterACall(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  TwilioError
		pass bool
	}{
		"an error of the server":   {TwilioError{Status: 500}, true},
		"no answer":                {TwilioError{}, true},
		"it alone is to wait":      {TwilioError{RetryAfter: time.Minute, Alone: true}, true},
		"nobody is to call Twilio": {TwilioError{RetryAfter: time.Second}, false},
	} {
		c := Conversation{ID: uuid.New(), State: Pending, Paused: "not registered"}
		handedBack, passed, want := 0, 0, 0
		if tt.pass {
			want = 1
		}
		tt.err.Err = errors.New("it is down")
		s := New(passing{probing{waiting{}, c, &handedBack}, &passed}, failing{err: &tt.err}, Options{}, time.Now, slog.New(slog.DiscardHandler))
		if err := s.Advance(t.Context(), c.ID); err == nil || handedBack != 1 || passed != want {
			t.Errorf("%s: got %v; the probe was handed back %d times and passed on %d times, want 1 and %d", name, err, handedBack, passed, want)
		}
		if leaves := s.vain.until(c.ID).After(time.Now()); leaves != tt.pass {
			t.Errorf("%s: it leaves the next probes to others: %t, want %t", name, leaves, tt.pass)
		}
	}
}

// resuming is a store that counts how often the account's pause is ended.
type resuming struct {
	passing
	admission Admission
	resumed   *int
}

func (r resuming) Admission(context.Context, Conversation) (Admission, error) {
	return r.admission, nil
}
func (resuming) Decide(context.Context, Lease, []Decision, bool) error { return nil }

func (resuming) FailConversation(context.Context, Lease, int, string) error { return nil }
func (resuming) Finish(context.Context, Lease, time.Duration) (bool, error) { return true, nil }

func (r resuming) ResumeAccount(context.Context, Phone) (string, error) {
	*r.resumed++
	return "", nil
}

// Pause fails, as when the database has gone.
func (resuming) Pause(context.Context, string, int, string, time.Time) (bool, error) {
	return false, ErrUnavailable
}

// The account's pause ends by Twilio's word alone: not because a failed number has signed
// up again and counts as new, and not by the operator's error itself, if only the pause
// cannot be written once more.
func TestProbeEndsNoPauseByItself(t *testing.T) {
	t.Parallel()
	again := Admission{Undecided: []UndecidedSignup{{ID: uuid.New(), At: time.Now()}}}
	for name, tt := range map[string]struct {
		state      State
		admission  Admission
		err        TwilioError
		busy       bool // the rate of creating is used up
		handedBack int
		resumed    int
	}{
		"a failed number waits for its turn":  {Failed, again, TwilioError{}, true, 1, 0},
		"a failed number has no answer":       {Failed, again, TwilioError{}, false, 1, 0},
		"a failed number is refused":          {Failed, again, TwilioError{Status: 400, Code: 50407}, false, 0, 1},
		"the credentials are still not valid": {Pending, Admission{Wanted: true}, TwilioError{Status: 401, Code: 20003}, false, 0, 0},
	} {
		c := Conversation{ID: uuid.New(), Phone: "+14155550142", Sender: "+15005550006", State: tt.state, Paused: "suspended", AccountPaused: true}
		handedBack, passed, resumed := 0, 0, 0
		rows := resuming{passing{probing{waiting{}, c, &handedBack}, &passed}, tt.admission, &resumed}
		tt.err.Err = errors.New("refused")
		s := New(rows, failing{err: &tt.err}, Options{Regions: []string{"*"}, CreateEvery: time.Second}, time.Now, slog.New(slog.DiscardHandler))
		if tt.busy {
			s.pace.putOff(createScope, uuid.New(), time.Second, time.Minute)
		}
		err := s.Advance(t.Context(), c.ID)
		if handedBack != tt.handedBack || resumed != tt.resumed {
			t.Errorf("%s: got %v; the probe was handed back %d times and ended the pause %d times, want %d and %d", name, err, handedBack, resumed, tt.handedBack, tt.resumed)
		}
	}
}

// unrecorded is a store that takes a text and loses Twilio's answer to it.
type unrecorded struct{ probing }

func (unrecorded) BeginSend(context.Context, Lease, uuid.UUID, Gate) (Verdict, error) {
	return Verdict{}, nil
}

func (unrecorded) RecordSent(context.Context, ConversationSID, RemoteMessage) (Result, error) {
	return Result{}, ErrUnavailable
}

// taking is a Twilio that takes every text.
type taking struct{ unasked }

func (taking) CreateMessage(context.Context, ConversationSID, Outgoing) (RemoteMessage, error) {
	return RemoteMessage{}, nil
}

// A text that has left was the probe, also where that could not be written down: a
// sender that is not fit does not send one more at once.
func TestProbeOfATextThatHasLeft(t *testing.T) {
	t.Parallel()
	handedBack := 0
	c := Conversation{ID: uuid.New(), State: Active, SID: "CH", Decided: true, HeardAt: time.Now(), Paused: "not registered"}
	s := New(unrecorded{probing{waiting{}, c, &handedBack}}, taking{}, Options{}, time.Now, slog.New(slog.DiscardHandler))
	if err := s.Advance(t.Context(), c.ID); !errors.Is(err, ErrUnavailable) || handedBack != 0 {
		t.Errorf("got %v, and the probe was handed back %d times, want never", err, handedBack)
	}
}

// reading is a Twilio that answers what only reads.
type reading struct{ unasked }

func (reading) FetchConversation(context.Context, string) (RemoteConversation, error) {
	return RemoteConversation{SID: "CH", State: "active"}, nil
}

func (reading) Participants(context.Context, ConversationSID) ([]RemoteParticipant, error) {
	return []RemoteParticipant{{SID: "MB"}}, nil
}

// silent is a store in which no text waits.
type silent struct{ resuming }

func (silent) Unsent(context.Context, Conversation) ([]Outgoing, error) { return nil, nil }

// Who signs up once more while the account is paused has Twilio asked whether their
// conversation stands. That this is answered shows that the credentials are valid, but not
// that what was forbidden to them no longer is: such a pause waits for who does it.
func TestProbeThatOnlyReads(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ credentials bool }{
		"the credentials were refused": {true},
		"creating was forbidden":       {false},
	} {
		c := Conversation{
			ID: uuid.New(), Phone: "+14155550142", Sender: "+15005550006", SID: "CH", ParticipantSID: "MB", State: Active, HeardAt: time.Now(),
			Paused: "why", AccountPaused: true, CredentialsRefused: tt.credentials,
		}
		joins := Admission{Admitted: true, Welcomed: true, Undecided: []UndecidedSignup{{ID: uuid.New(), At: time.Now()}}}
		handedBack, passed, resumed := 0, 0, 0
		rows := resuming{passing{probing{waiting{}, c, &handedBack}, &passed}, joins, &resumed}
		s := New(silent{rows}, reading{}, Options{Regions: []string{"*"}}, time.Now, slog.New(slog.DiscardHandler))
		err := s.Advance(t.Context(), c.ID)
		if ended := resumed > 0; err != nil || ended != tt.credentials || ended == (handedBack > 0) {
			t.Errorf("%s: got %v; the pause was ended %d times, and the probe handed back %d times", name, err, resumed, handedBack)
		}
	}
}
