package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// What the codes call for, as Twilio's error pages and the design have it. No code of
// the table may be missing here. On a receipt only a SenderError and an OperatorError call
// for something, and 21610: nothing is ever sent again because of one.
var classes = map[ErrorClass][]int{
	Transient: {
		20409, 20429, 20500, 20503, 50063, 50074, 50391, 50419,
		21611, 30001, // the sender's queue is full: slow down
		30017, 30022, 30023, 30027, // congestion, and what the registration allows: slow down, or the next day
		30410, // fate unknown
	},
	Conflict:      {50353, 50416, 50437},
	Gone:          {20404, 50350, 50432},
	ClosedForGood: {50377},
	OperatorError: {20003, 20403, 30002, 50385},
	SenderError: {
		21703, 21704, 21705, 30024, 30032, 30033, 30034, 30035, 50373, 50408, 50413, 50414, 50415,
		50452, // what a participant without a sender comes to
	},
	RecipientError: {
		21211, 21606, 21608, 21610, 21612, 21614, 30004, 30005, 30006, 50407, 50409,
		21408,        // the country is switched off, which keeps fraud out: no reason to stop for everybody
		30003, 30008, // off or out of reach, or nobody knows why: the transcript says so
		30007, 30450, // filtered, and what looks like fraud: stop
		30610, // quiet hours
	},
	Bug: {
		20001, 20004, 21617, 50384, 50390, 50411, 50412, 50503, 50504,
		50418,     // we add one participant to a conversation of its own
		59999, -1, // not in the table
	},
}

func TestCodesAreInTheRightClass(t *testing.T) {
	t.Parallel()
	pinned := map[int]bool{}
	for want, codes := range classes {
		for _, code := range codes {
			pinned[code] = true
			if got := ExplainCode(code).Class; got != want {
				t.Errorf("%d is %s, want %s", code, got, want)
			}
			if got := (&TwilioError{Code: code, Status: 400}).Class(); got != want {
				t.Errorf("an error with code %d is %s, want %s", code, got, want)
			}
		}
	}
	for code := range codes {
		if !pinned[code] {
			t.Errorf("nothing says that %d is %s", code, codes[code].Class)
		}
	}
}

// struck is a store, and a Twilio that is there, which note whom an error strikes.
type struck struct {
	Store
	Twilio
	what []string
}

func (s *struck) note(what string) error {
	s.what = append(s.what, what)
	return nil
}

func (*struck) Unsent(context.Context, Conversation) ([]Outgoing, error) { return nil, nil }
func (*struck) ApplyEvents(context.Context, []Event) ([]Result, error)   { return nil, nil }
func (*struck) ConversationsSince(context.Context, time.Time) ([]RemoteConversation, error) {
	return nil, nil
}

func (s *struck) FailConversation(_ context.Context, _ Lease, code int, _ string) error {
	return s.note(fmt.Sprint("fails with ", code))
}

func (s *struck) CloseConversation(context.Context, Lease, string, bool) error {
	return s.note("ends")
}

func (s *struck) Pause(_ context.Context, scope string, code int, _ string, _ time.Time) (bool, error) {
	return true, s.note(fmt.Sprint("pauses ", scope, " with ", code))
}

func (s *struck) RefuseSend(_ context.Context, _ Lease, _ uuid.UUID, code int, _ string) error {
	return s.note(fmt.Sprint("gives the text up with ", code))
}

func (s *struck) Requeue(context.Context, Lease, uuid.UUID, bool) error {
	return s.note("keeps the text")
}

// Each code strikes whom it is about and nobody else: the person, the sender or the
// account; and only what time may mend is tried again.
func TestWhomACodeStrikes(t *testing.T) {
	t.Parallel()
	const again = "tries again"
	strikes := map[ErrorClass]struct{ joining, posting string }{
		Transient:      {again, "keeps the text, " + again},
		Conflict:       {again, "keeps the text, " + again},
		Gone:           {"ends", "keeps the text, ends"},
		ClosedForGood:  {"ends", "keeps the text, ends"},
		RecipientError: {"fails with %d", "gives the text up with %d"},
		SenderError:    {"pauses +15005550006 with %d", "keeps the text, pauses +15005550006 with %d"},
		OperatorError:  {"pauses account with %d", "keeps the text, pauses account with %d"},
		Bug:            {"fails with %d", "gives the text up with %d"},
	}
	for class, codes := range classes {
		for _, code := range codes {
			for _, tt := range []struct {
				state State
				want  string
			}{{Pending, strikes[class].joining}, {Active, strikes[class].posting}} {
				st := new(struck)
				s := New(st, st, Options{}, time.Now, slog.New(slog.DiscardHandler))
				c := &Conversation{State: tt.state, SID: "CH", Sender: "+15005550006"}
				var err error = &TwilioError{Code: code, Status: 400, Err: errors.New("refused")}
				if tt.state == Active {
					err = s.sendFailed(t.Context(), c, Outgoing{}, err)
				}
				if err != nil {
					err = s.settle(t.Context(), c, err, false)
				}
				if te := (*TwilioError)(nil); errors.As(err, &te) {
					st.what = append(st.what, again)
				}
				want := tt.want
				if strings.Contains(want, "%") {
					want = fmt.Sprintf(want, code)
				}
				if got := strings.Join(st.what, ", "); got != want {
					t.Errorf("%d, %s: it %s, want: %s", code, tt.state, got, want)
				}
			}
		}
	}
}

func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	for code, c := range codes {
		if c.Meaning == "" || c.Advice == "" {
			t.Errorf("%d has no meaning or no advice: %+v", code, c)
		}
		if _, known := classes[c.Class]; !known {
			t.Errorf("%d is of class %q, which nobody handles", code, c.Class)
		}
	}
	if c := ExplainCode(59999); c.Meaning == "" || c.Advice == "" {
		t.Errorf("an unknown code is not explained: %+v", c)
	}
}

func TestClassOfAnErrorWithoutACode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  TwilioError
		want ErrorClass
	}{
		"no answer":         {TwilioError{}, Transient},
		"too many requests": {TwilioError{Status: 429}, Transient},
		"server error":      {TwilioError{Status: 503}, Transient},
		"not signed in":     {TwilioError{Status: 401}, OperatorError},
		"forbidden":         {TwilioError{Status: 403}, OperatorError},
		"bad request":       {TwilioError{Status: 400}, Bug},
		"fate unknown":      {TwilioError{Status: 201, Unknown: true}, Transient},
		"code, but unknown": {TwilioError{Status: 500, Code: 20404, Unknown: true}, Transient},
		"unknown code, 429": {TwilioError{Status: 429, Code: 59999}, Transient},
		"unknown code, 500": {TwilioError{Status: 500, Code: 59999}, Transient},
		"unknown code, 401": {TwilioError{Status: 401, Code: 59999}, OperatorError},
	}
	for name, tt := range tests {
		if got := tt.err.Class(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
