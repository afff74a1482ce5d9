package handlers

import (
	"sync"
	"time"

	"textme/chat"
)

// echoes remembers when staff were last told that the classic webhook of one of
// our numbers repeats what its conversations bring: once an hour is enough. The
// zero value is ready. It is safe for concurrent use.
type echoes struct {
	mu   sync.Mutex
	told map[chat.Phone]time.Time
}

// worthTelling reports whether to tell of the sender now, and notes it.
func (e *echoes) worthTelling(sender chat.Phone, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if last, known := e.told[sender]; known && now.Sub(last) < time.Hour {
		return false
	}
	if e.told == nil {
		e.told = map[chat.Phone]time.Time{}
	}
	e.told[sender] = now
	return true
}
