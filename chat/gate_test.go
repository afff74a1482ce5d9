package chat

import (
	"log/slog"
	"testing"
	"time"
)

// at is a service whose clock stands still.
func at(now time.Time, opts Options) *Service {
	return New(nil, nil, opts, func() time.Time { return now }, slog.New(slog.DiscardHandler))
}

func TestGate(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)     // in San Francisco
	midnight := time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC) // 00:30 there
	goes := GateFacts{Phone: "+14155552671", State: Active, Handler: BotHandler, Consented: true, Message: Outgoing{Purpose: BotReply, CreatedAt: noon, CalledForAt: noon}, LastAct: noon}
	quiet, err := ParseQuietHours("21:00-08:00")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		now     time.Time
		change  func(*GateFacts)
		probing bool
		cancel  string
		until   time.Time
	}{
		"goes":                          {now: noon, change: func(*GateFacts) {}},
		"conversation closed":           {now: noon, change: func(f *GateFacts) { f.State = Closed }, until: noon},
		"participant missing":           {now: noon, change: func(f *GateFacts) { f.State = Pending }, until: noon},
		"opted out":                     {now: noon, change: func(f *GateFacts) { f.OptedOut = true }, cancel: "the person replied STOP"},
		"opted out and paused":          {now: noon, change: func(f *GateFacts) { f.OptedOut, f.Paused = true, "x" }, cancel: "the person replied STOP"},
		"no consent":                    {now: noon, change: func(f *GateFacts) { f.Consented = false }, cancel: "no consent on record"},
		"paused":                        {now: noon, change: func(f *GateFacts) { f.Paused = "x" }, until: noon.Add(time.Minute)},
		"paused, the probe":             {now: noon, change: func(f *GateFacts) { f.Paused = "x" }, probing: true},
		"agent took over later":         {now: noon, change: func(f *GateFacts) { f.Handler, f.HandlerAt = AgentHandler, noon.Add(1) }, cancel: "an agent has taken over"},
		"the hand-over itself":          {now: noon, change: func(f *GateFacts) { f.Handler, f.HandlerAt = AgentHandler, noon }},
		"the agent's own":               {now: noon, change: func(f *GateFacts) { f.Handler, f.HandlerAt, f.Message.Purpose = AgentHandler, noon.Add(1), AgentReply }},
		"queued before an outage ended": {now: noon, change: func(f *GateFacts) { f.RestoringSince = noon.Add(1) }, until: noon.Add(5 * time.Minute)},
		"queued as an outage ended":     {now: noon, change: func(f *GateFacts) { f.RestoringSince = noon }},
		"many texts within a second":    {now: noon, change: func(f *GateFacts) { f.JustPosted = 25 }, until: noon.Add(time.Second)},
		"some texts within a second":    {now: noon, change: func(f *GateFacts) { f.JustPosted = 24 }},
		"night, their own act":          {now: midnight, change: func(f *GateFacts) { f.LastAct = midnight.Add(-OwnAct) }},
		"night, nobody asked":           {now: midnight, change: func(f *GateFacts) { f.LastAct = midnight.Add(-OwnAct - 1) }, until: time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)},
		"day, nobody asked":             {now: noon, change: func(f *GateFacts) { f.LastAct = noon.Add(-time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := goes
			tt.change(&f)
			got := at(tt.now, Options{Quiet: quiet, ReconcileEvery: time.Minute}).gate(f, tt.probing)
			if got.Cancel != tt.cancel || !got.Until.Equal(tt.until) || got.Goes() != (tt.cancel == "" && tt.until.IsZero()) {
				t.Errorf("got %+v, want cancel %q, until %v", got, tt.cancel, tt.until)
			}
		})
	}
}

func TestQuietHours(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"21-8", "25:00-08:00", "21:00", "21:00-08:60", "x"} {
		if _, err := ParseQuietHours(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	for _, off := range []string{"", "off", "08:00-08:00"} {
		q, err := ParseQuietHours(off)
		if err != nil || !q.Until("+14155552671", time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)).IsZero() {
			t.Errorf("%q is not off: %v", off, err)
		}
	}
	day := func(h, m int) time.Time { return time.Date(2026, 11, 22, h, m, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		span  string
		phone Phone
		now   time.Time
		want  time.Time
	}{
		"begins on the minute":          {"21:00-08:00", "+442079460958", day(21, 0), day(32, 0)},
		"a minute before":               {"21:00-08:00", "+442079460958", day(20, 59), time.Time{}},
		"ends on the minute":            {"21:00-08:00", "+442079460958", day(8, 0), time.Time{}},
		"early morning":                 {"21:00-08:00", "+442079460958", day(3, 0), day(8, 0)},
		"within a day":                  {"12:00-14:00", "+442079460958", day(13, 0), day(14, 0)},
		"several zones: quiet in any":   {"21:00-08:00", "+18005550199", day(16, 30), day(18, 0)}, // toll-free: it may be 06:30 in Hawaii
		"several zones: the latest end": {"21:00-08:00", "+18005550199", day(7, 0), day(18, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := ParseQuietHours(tt.span)
			if err != nil {
				t.Fatal(err)
			}
			got := q.Until(tt.phone, tt.now)
			if tt.want.IsZero() != got.IsZero() || !tt.want.IsZero() && got.Before(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
