package twiliosim

import (
	"strings"
	"testing"
	"time"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		body string
		want int
	}{
		{"one GSM segment", strings.Repeat("a", 160), 1},
		{"two GSM segments", strings.Repeat("a", 161), 2},
		{"a full second one", strings.Repeat("a", 306), 2},
		{"three", strings.Repeat("a", 307), 3},
		{"euro signs count twice", strings.Repeat("€", 80), 1},
		{"and 81 do not fit", strings.Repeat("€", 81), 2},
		{"one emoji makes it UCS-2", strings.Repeat("a", 68) + "🎉", 1},
		{"of 70 units", strings.Repeat("a", 69) + "🎉", 2},
		{"nothing", "", 1},
	}
	for _, tt := range tests {
		if got := segments(tt.body); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"", 0, true},
		{"PT1M", time.Minute, true},
		{"P1DT2H3M4S", 26*time.Hour + 3*time.Minute + 4*time.Second, true},
		{"P2W", 14 * 24 * time.Hour, true},
		{"P", 0, false},
		{"PT", 0, false},
		{"P1D" + "T", 0, false},
		{"1M", 0, false},
		{"P1Y", 0, false},
		{"PT-1M", 0, false},
		{"PT99999999999999999999S", 0, false},
	}
	for _, tt := range tests {
		if got, ok := parseDuration(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %v %v, want %v %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}
