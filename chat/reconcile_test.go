package chat

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestNextPoll(t *testing.T) {
	t.Parallel()
	const every, day = 10 * time.Minute, 24 * time.Hour
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &Service{opts: Options{ReconcileEvery: every}, now: func() time.Time { return now }}
	tests := map[string]struct {
		quiet time.Duration
		state State
		want  time.Duration
	}{
		"just now":              {0, Active, every},
		"within a day":          {day - time.Second, Active, every},
		"a day":                 {day, Active, time.Hour},
		"ten days":              {10 * day, Active, 10 * time.Hour},
		"a hundred days":        {100 * day, Active, 100 * time.Hour},
		"years":                 {1000 * day, Active, 7 * day},
		"pending within a day":  {time.Hour, Pending, every},
		"closed within a day":   {time.Hour, Closed, every},
		"closed a day ago":      {day, Closed, 0},
		"activity by its clock": {-time.Minute, Active, every},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.nextPoll(Poll{LastActivity: now.Add(-tt.quiet), State: tt.state}); got != tt.want {
				t.Errorf("polled after %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMappingDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &Service{opts: Options{ReconcileEvery: 10 * time.Minute}, now: func() time.Time { return now }}
	tests := map[string]struct {
		late, checked time.Duration // ago
		uncompared    bool
		want          bool
	}{
		"on time, checked today":    {time.Second, 23 * time.Hour, false, false},
		"an outage":                 {time.Second, time.Hour, true, true},
		"on time, checked long ago": {time.Second, 24 * time.Hour, false, true},
		"a little late":             {time.Hour, time.Hour, false, false},
		"we were away":              {time.Hour + time.Second, time.Hour, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.mappingDue(Poll{DueAt: now.Add(-tt.late), MappingCheckedAt: now.Add(-tt.checked), Uncompared: tt.uncompared}); got != tt.want {
				t.Errorf("due: %t, want %t", got, tt.want)
			}
		})
	}
}

// list is a store, and a Twilio whose list of messages lags behind.
type list struct {
	Store
	Twilio
	gone bool // the whole conversation
	told []Event
}

func (l *list) Transcript(context.Context, uuid.UUID, int, int) ([]TranscriptMessage, error) {
	return []TranscriptMessage{{"IM1", 1}, {"IM3", 3}, {"IM4", 4}}, nil
}

func (l *list) MessagesAfter(context.Context, ConversationSID, int) ([]RemoteMessage, error) {
	return []RemoteMessage{{SID: "IM1", Index: 1}, {SID: "IM2", Index: 2}}, nil
}

func (l *list) FetchMessage(_ context.Context, _ ConversationSID, m MessageSID) (RemoteMessage, error) {
	switch m {
	case "IM3":
		return RemoteMessage{SID: m}, nil
	case "IM4":
		return RemoteMessage{}, &TwilioError{Code: 20404, Status: 404, Err: errors.New("gone")}
	}
	return RemoteMessage{}, errors.New("the list has it")
}

func (l *list) FetchConversation(context.Context, string) (RemoteConversation, error) {
	if l.gone {
		return RemoteConversation{}, &TwilioError{Code: 20404, Status: 404, Err: errors.New("gone")}
	}
	return RemoteConversation{}, nil
}

func (l *list) ApplyEvents(_ context.Context, events []Event) ([]Result, error) {
	l.told = append(l.told, events...)
	return nil, nil
}

// Compared with Twilio's list, a text is found that an earlier list had not got yet,
// and one that is deleted, if Twilio says so when asked for it: the list may be behind.
// Where the conversation is gone, that is what there is to tell.
func TestCompareMessages(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		l := &list{gone: gone}
		s := New(l, l, Options{}, time.Now, slog.New(slog.DiscardHandler))
		err := s.askMessages(t.Context(), &PollDone{Poll: Poll{SID: "CH1", GapsChecked: 4}}, true)
		want := []string{MessageAdded + " IM2"}
		if !gone {
			want = append(want, MessageRemoved+" IM4")
		}
		var told []string
		for _, e := range l.told {
			told = append(told, e.Type+" "+string(e.Message.SID))
		}
		if diff := cmp.Diff(want, told); diff != "" || isGone(err) != gone {
			t.Errorf("gone %t: %v, told (-want +got):\n%s", gone, err, diff)
		}
	}
}
