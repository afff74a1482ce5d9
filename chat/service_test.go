package chat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// shortOfTime is the context of a job whose time is used up when left is.
type shortOfTime struct {
	context.Context
	left *time.Duration
}

func (c shortOfTime) Deadline() (time.Time, bool) { return time.Now().Add(*c.left), true }

// errand is a store of one conversation, and a Twilio whose calls take all the time
// that the job has left, from one of them on.
type errand struct {
	Store
	Twilio
	c       Conversation
	asked   Admission
	text    Outgoing     // that waits to be sent
	hole    bool         // somebody has written, and not all of it has come
	members []Membership // the conversations of the pair
	refused error        // adding the participant

	most  int // calls that the job's time is enough for
	left  time.Duration
	calls []string
}

func (e *errand) call(name string) {
	e.calls = append(e.calls, name)
	if len(e.calls) == e.most {
		e.left = 0
	}
}

func (e *errand) Lease(context.Context, uuid.UUID, time.Duration) (Lease, bool, error) {
	return Lease{}, true, nil
}
func (e *errand) Load(context.Context, Lease) (Conversation, error)            { return e.c, nil }
func (e *errand) Admission(context.Context, Conversation) (Admission, error)   { return e.asked, nil }
func (e *errand) Decide(context.Context, Lease, []Decision, bool) error        { return nil }
func (e *errand) MarkCreating(context.Context, Lease) error                    { return nil }
func (e *errand) SaveSID(context.Context, Lease, Found) error                  { return nil }
func (e *errand) Activate(context.Context, Lease, Joining) (bool, error)       { return true, nil }
func (e *errand) FinishTurn(context.Context, Lease, Turn) error                { return nil }
func (e *errand) SaveHeard(context.Context, Lease, time.Time, int) error       { return nil }
func (e *errand) SenderKnown(context.Context, Phone) (bool, error)             { return false, nil }
func (e *errand) ApplyEvents(context.Context, []Event) ([]Result, error)       { return nil, nil }
func (e *errand) WrapUp(context.Context, Lease) error                          { return nil }
func (e *errand) Reopen(context.Context, Lease) (bool, error)                  { return false, nil }
func (e *errand) Finish(context.Context, Lease, time.Duration) (bool, error)   { return true, nil }
func (e *errand) FailConversation(context.Context, Lease, int, string) error   { return nil }
func (e *errand) CloseConversation(context.Context, Lease, string, bool) error { return nil }
func (e *errand) GiveBack(context.Context, Lease, time.Duration, time.Duration) (bool, error) {
	return false, nil
}

func (e *errand) Burst(context.Context, Conversation) (b Burst, err error) {
	if e.hole {
		b = Burst{Texts: []CustomerText{{Index: 1, At: time.Now()}}, Complete: slices.Contains(e.calls, "list messages")}
	}
	return b, nil
}

func (e *errand) OtherConversations(context.Context, uuid.UUID) ([]OtherConversation, error) {
	return []OtherConversation{{SID: "CH3"}}, nil
}

func (e *errand) Unsent(context.Context, Conversation) ([]Outgoing, error) {
	if e.text.Status == "" {
		return nil, nil
	}
	return []Outgoing{e.text}, nil
}

func (e *errand) BeginSend(context.Context, Lease, uuid.UUID, Gate) (Verdict, error) {
	return Verdict{}, nil
}

func (e *errand) RecordSent(context.Context, ConversationSID, RemoteMessage) (Result, error) {
	return Result{}, nil
}

func (e *errand) Reserve(ctx context.Context) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

func (e *errand) CreateConversation(context.Context, string) (RemoteConversation, error) {
	e.call("create conversation")
	return RemoteConversation{SID: "CH1"}, nil
}

// FetchConversation finds what is known by its SID, and nothing else.
func (e *errand) FetchConversation(_ context.Context, ref string) (RemoteConversation, error) {
	e.call("fetch conversation")
	if ref == string(e.c.SID) {
		return RemoteConversation{SID: e.c.SID, State: "active", Attributes: "{}"}, nil
	}
	return RemoteConversation{}, &TwilioError{Code: 20404, Status: 404, Err: errClosed}
}

func (e *errand) ConversationsSince(context.Context, time.Time) ([]RemoteConversation, error) {
	e.call("list conversations")
	return nil, nil
}

func (e *errand) ConversationsOf(context.Context, Phone, Phone) ([]Membership, error) {
	e.call("list conversations of a number")
	return e.members, nil
}

func (e *errand) HeldElsewhere(context.Context, ConversationSID) (bool, error) {
	e.call("look into other services")
	return true, nil
}

func (e *errand) AddParticipant(context.Context, ConversationSID, Phone, Phone) (RemoteParticipant, error) {
	e.call("add participant")
	return RemoteParticipant{SID: "MB1"}, e.refused
}

func (e *errand) Participants(context.Context, ConversationSID) ([]RemoteParticipant, error) {
	e.call("list participants")
	return []RemoteParticipant{{SID: "MB1", Address: e.c.Phone, ProxyAddress: e.c.Sender}}, nil
}

func (e *errand) MessagesAfter(context.Context, ConversationSID, int) ([]RemoteMessage, error) {
	e.call("list messages")
	return nil, nil
}

func (e *errand) CreateMessage(context.Context, ConversationSID, Outgoing) (RemoteMessage, error) {
	e.call("create message")
	return RemoteMessage{}, nil
}

// A call starts only while the job's time is enough for one, at whatever step that runs
// out: none is cut off half way, with nobody to learn what became of it. What is left
// waits for the next job.
func TestNoCallWithoutTimeForIt(t *testing.T) {
	t.Parallel()
	const phone, sender = Phone("+14155552671"), Phone("+15005550006")
	at := func(state State, sid ConversationSID) Conversation {
		c := Conversation{Phone: phone, Sender: sender, UniqueName: "textme-1", State: state, SID: sid, HeardAt: time.Now()}
		if state == Active {
			c.ParticipantSID = "MB1"
		}
		return c
	}
	attempted := at(Pending, "")
	attempted.CreateAttempted = true
	anew := Admission{Wanted: true}
	again := Admission{Admitted: true, Welcomed: true, Undecided: []UndecidedSignup{{ID: uuid.New(), At: time.Now()}}}
	refused := func(code int, holder ConversationSID) error {
		return &TwilioError{Code: code, Status: 409, Holder: holder, Err: errClosed}
	}
	fresh, old := Outgoing{Status: Queued, CreatedAt: time.Now()}, Outgoing{Status: Queued, CreatedAt: time.Now().Add(-time.Hour)}
	nobodys := []Membership{{Conversation: RemoteConversation{SID: "CH2", Attributes: "{}"}, Participant: RemoteParticipant{SID: "MB2"}}}
	for name, tt := range map[string]struct {
		errand
		want []string
	}{
		"a new number": {errand{c: attempted, asked: anew, text: fresh, hole: true}, []string{
			"fetch conversation", "list conversations of a number", "create conversation", "add participant", "list messages", "create message",
		}},
		"in it already": {errand{c: at(Pending, "CH1"), asked: anew, refused: refused(50437, "")}, []string{"add participant", "list participants"}},
		"in one that is nobody's": {errand{c: at(Pending, "CH1"), asked: anew, refused: refused(50416, "CH2"), members: nobodys}, []string{
			"add participant", "list conversations of a number", "list messages", "list participants", "list messages", "list messages",
		}},
		"in one of another service": {errand{c: at(Pending, "CH1"), asked: anew, refused: refused(50416, "CH2")}, []string{
			"add participant", "list conversations of a number", "fetch conversation", "look into other services",
		}},
		"in a service that is gone": {errand{c: at(Pending, "CH1"), asked: anew, refused: refused(20404, "")}, []string{"add participant", "list conversations"}},
		"signs up again":            {errand{c: at(Active, "CH1"), asked: again}, []string{"fetch conversation", "list participants"}},
		"a text that has waited": {errand{c: at(Active, "CH1"), text: old}, []string{
			"list conversations of a number", "list messages", "list messages", "create message",
		}},
		"closed": {errand{c: at(Closed, "CH1")}, []string{"fetch conversation", "list participants"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for most := range len(tt.want) + 1 {
				e := tt.errand
				timing := TimingFor(DefaultRescue)
				e.most, e.left = most, timing.Job
				if most == 0 {
					e.left = timing.Call - time.Millisecond
				}
				s := New(&e, &e, Options{AdoptUnclaimed: true}, time.Now, slog.New(slog.DiscardHandler))
				err := s.Advance(shortOfTime{t.Context(), &e.left}, uuid.New())
				var snooze Snooze
				if waits := errors.As(err, &snooze); waits != (most < len(tt.want)) || !waits && err != nil {
					t.Errorf("with time for %d calls: got %v", most, err)
				}
				if diff := cmp.Diff(tt.want[:most], append([]string{}, e.calls...)); diff != "" {
					t.Errorf("with time for %d calls (-want +got):\n%s", most, diff)
				}
			}
		})
	}
}
