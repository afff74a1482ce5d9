package chat

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	for phone, want := range map[Phone]string{
		"+14155552671":  "",
		"+12505550199":  "a number of a region that is not served (CA)",
		"+18765550123":  "a number of a region that is not served (JM)", // +1 is not only the US
		"+18005550199":  "a toll-free number",
		"+19005550199":  "a premium-rate number",
		"+442079460958": "a landline",
		"+447911123456": "a number of a region that is not served (GG)",
		"+881612345678": "a satellite number, or another of no country",
		"+15005550006":  "the number is the sender itself",
	} {
		s := at(time.Now(), Options{})
		if got := s.refuse(Conversation{Phone: phone, Sender: "+15005550006"}); got != want {
			t.Errorf("%s: got %q, want %q", phone, got, want)
		}
	}
	everywhere := at(time.Now(), Options{Regions: []string{AnyRegion}})
	if got := everywhere.refuse(Conversation{Phone: "+447911123456", Sender: "+15005550006"}); got != "" {
		t.Errorf("with every region: got %q", got)
	}
	for _, phone := range []Phone{"+442079460958", "+881612345678", "+881623456789", "+870776123456"} { // a landline, satellites
		if got := everywhere.refuse(Conversation{Phone: phone, Sender: "+15005550006"}); got == "" {
			t.Errorf("with every region %s is texted", phone)
		}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	one := []UndecidedSignup{{ID: uuid.UUID{1}, At: now}}
	two := []UndecidedSignup{one[0], {ID: uuid.UUID{2}, At: now}}
	good := Conversation{Phone: "+14155552671", Sender: "+15005550006", State: Pending}
	failed := good
	failed.State = Failed
	for name, tt := range map[string]struct {
		c      Conversation
		a      Admission
		reopen bool
		want   []Outcome
	}{
		"first":                       {good, Admission{Undecided: one}, false, []Outcome{Admitted}},
		"two at once":                 {good, Admission{Undecided: two}, false, []Outcome{Admitted, Joined}},
		"welcomed before":             {good, Admission{Undecided: one, Admitted: true}, false, []Outcome{Joined}},
		"opted out":                   {good, Admission{Undecided: one, OptedOut: true}, false, []Outcome{OptedOut}},
		"opted out beats joined":      {good, Admission{Undecided: one, OptedOut: true, Admitted: true}, false, []Outcome{OptedOut}},
		"policy beats all":            {Conversation{Phone: "+18005550199", Sender: good.Sender}, Admission{Undecided: one, OptedOut: true}, false, []Outcome{Refused}},
		"welcomed elsewhere just now": {good, Admission{Undecided: one, LastWelcome: now.Add(-23 * time.Hour)}, false, []Outcome{Capped}},
		"welcomed elsewhere long ago": {good, Admission{Undecided: one, LastWelcome: now.Add(-24 * time.Hour)}, false, []Outcome{Admitted}},
		"failed lately":               {failed, Admission{Undecided: one}, false, []Outcome{SignupFailed}},
		"failed long ago":             {failed, Admission{Undecided: two, Admitted: true}, true, []Outcome{Admitted, Joined}},
		"welcomed, failed long ago":   {failed, Admission{Undecided: one, Admitted: true, Welcomed: true}, true, []Outcome{Joined}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []Outcome
			for _, d := range at(now, Options{WelcomeEvery: 24 * time.Hour}).decide(tt.c, tt.a, tt.reopen) {
				got = append(got, d.Outcome)
				if (d.Reason == "") != (d.Outcome == Admitted || d.Outcome == Joined) {
					t.Errorf("%s has the reason %q", d.Outcome, d.Reason)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReplyFrom(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ago := func(index int, d time.Duration) RemoteMessage { return RemoteMessage{Index: index, At: now.Add(-d)} }
	for name, tt := range map[string]struct {
		texts []RemoteMessage
		want  int
	}{
		"nothing said":  {nil, 0},
		"said just now": {[]RemoteMessage{ago(0, time.Minute)}, 0},
		"said long ago": {[]RemoteMessage{ago(0, time.Hour), ago(3, time.Hour)}, 4},
		"old and new":   {[]RemoteMessage{ago(0, time.Hour), ago(1, ReplyAge)}, 1},
	} {
		if got := replyFrom(tt.texts, now); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}
