package store

import (
	"maps"
	"sync"
	"time"
)

// stuckLocks remembers which subjects were found locked of late. Whether one still is
// must not be tried at the expense of others, so it counts as stuck for as long as a
// transaction that hangs can keep it.
type stuckLocks struct {
	mu    sync.Mutex
	found map[string]time.Time // when each was last found locked
	sure  time.Time            // when one was last found so that no busy database explains
}

// stuck reports whether the subject was found locked of late.
func (l *stuckLocks) stuck(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.found[subject]) < hangTimeout
}

// hang reports whether a process seems to hang, which may well have more locked than
// what is known already.
func (l *stuckLocks) hang() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.sure) < hangTimeout
}

// note remembers which of the subjects were locked; sure tells that it takes more than
// a busy database for that. Some hundreds a second are found at the most, and the old
// ones are forgotten here, so they do not become many.
func (l *stuckLocks) note(subjects []string, errs []error, sure bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.found, func(_ string, at time.Time) bool { return now.Sub(at) >= hangTimeout })
	for i, err := range errs {
		if !locked(err) {
			continue
		}
		if l.found == nil {
			l.found = map[string]time.Time{}
		}
		l.found[subjects[i]] = now
		if sure {
			l.sure = now
		}
	}
}
