package chat

import (
	"testing"
	"time"
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
		want          bool
	}{
		"on time, checked today":    {time.Second, 23 * time.Hour, false},
		"on time, checked long ago": {time.Second, 24 * time.Hour, true},
		"a little late":             {time.Hour, time.Hour, false},
		"we were away":              {time.Hour + time.Second, time.Hour, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.mappingDue(Poll{DueAt: now.Add(-tt.late), MappingCheckedAt: now.Add(-tt.checked)}); got != tt.want {
				t.Errorf("due: %t, want %t", got, tt.want)
			}
		})
	}
}
