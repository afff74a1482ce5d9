package templates

import (
	"fmt"
	"testing"
	"time"
)

func TestPhone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		e164, masked, revealed string
	}{
		{"+12015550123", "••• ••• 0123", "+1 (201) 555-0123"},
		{"+442079460958", "••• ••• 0958", "+442079460958"},
		{"+2908123", "••• ••23", "+2908123"},
		{"12345", "••• ••45", "12345"},
		{"123", "•••", "123"},
		{"", "", ""},
		{"+1201555012x", "••• ••• 012x", "+1201555012x"},
	}
	for _, tt := range tests {
		t.Run(tt.e164, func(t *testing.T) {
			t.Parallel()
			if got := fmt.Sprint(Phone{E164: tt.e164}); got != tt.masked {
				t.Errorf("masked = %q, want %q", got, tt.masked)
			}
			if got := fmt.Sprint(Phone{E164: tt.e164, Revealed: true}); got != tt.revealed {
				t.Errorf("revealed = %q, want %q", got, tt.revealed)
			}
		})
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		before time.Duration
		want   string
	}{
		{-time.Hour, "just now"},
		{0, "just now"},
		{59 * time.Second, "just now"},
		{time.Minute, "1 minute ago"},
		{59*time.Minute + 59*time.Second, "59 minutes ago"},
		{time.Hour, "1 hour ago"},
		{23 * time.Hour, "23 hours ago"},
		{24 * time.Hour, "1 day ago"},
		{29 * 24 * time.Hour, "29 days ago"},
		{30 * 24 * time.Hour, "12 Feb 2026"},
	}
	for _, tt := range tests {
		if got := ago(now, now.Add(-tt.before)); got != tt.want {
			t.Errorf("ago(%s) = %q, want %q", tt.before, got, tt.want)
		}
	}
}

func TestTimesAreUTC(t *testing.T) {
	t.Parallel()
	tokyo := time.FixedZone("JST", 9*60*60)
	at := time.Date(2026, 1, 1, 8, 30, 15, 0, tokyo)
	tests := map[string]struct{ got, want string }{
		"datetime": {datetime(at), "2025-12-31T23:30:15Z"},
		"utc":      {utc(at), "31 Dec 2025, 23:30 UTC"},
		"clock":    {clock(at), "23:30 UTC"},
		"day":      {day(at), "Wednesday, 31 December 2025"},
	}
	for name, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s = %q, want %q", name, tt.got, tt.want)
		}
	}
}
