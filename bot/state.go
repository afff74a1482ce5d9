package bot

import (
	"encoding/json"
	"time"
)

const (
	// stateVersion changes when the meaning of a State field changes.
	stateVersion = 1
	// maxAnswers bounds what the bot says without a pause, so that a loop
	// through many different answers ends too.
	maxAnswers = 30
	// pause is the silence after which a customer starts afresh. A machine
	// that answers us does so within minutes; a person who asks for the
	// opening hours again next week must not be taken for one.
	pause = 6 * time.Hour
)

// State is what the bot remembers of one customer between turns. The zero
// value is a new customer. It is stored as JSON and holds nothing the customer
// wrote.
type State struct {
	// Version is the format of the other fields; 0 in the zero value.
	Version int `json:"version"`
	// Answer names the keyword answer given last, by its first keyword.
	Answer string `json:"answer,omitempty"`
	// Repeats counts how often Answer was given in a row.
	Repeats int `json:"repeats,omitempty"`
	// Fallbacks counts the fallbacks since the last keyword answer.
	Fallbacks int `json:"fallbacks,omitempty"`
	// Said counts all texts since the last pause.
	Said int `json:"said,omitempty"`
	// At is when the customer last wrote, UTC.
	At time.Time `json:"at,omitzero"`
}

// UnmarshalJSON reads a stored state. A state of another version or shape
// becomes the zero state: the customer starts over, and that is no error.
func (s *State) UnmarshalJSON(data []byte) error {
	type plain State
	var p plain
	if err := json.Unmarshal(data, &p); err != nil || !State(p).known() {
		p = plain{}
	}
	*s = State(p)
	return nil
}

func (s State) known() bool {
	return s.Version == stateVersion && s.Repeats >= 0 && s.Fallbacks >= 0 && s.Said >= 0
}

// resume is the state at the start of a turn whose last text came at at.
func (s State) resume(at time.Time) State {
	at = at.UTC().Truncate(time.Second)
	paused := !s.At.IsZero() && at.Sub(s.At) >= pause
	if !s.known() || paused {
		s = State{Version: stateVersion}
	}
	if at.After(s.At) {
		s.At = at
	}
	return s
}

// allowsAnswer reports whether the keyword answer id may be given now and, if
// so, counts it. A refused answer counts as nothing: otherwise a muted keyword
// would free the fallback and the loop would go on.
func (s *State) allowsAnswer(id string, maxRepeats int) bool {
	repeats := 0
	if s.Answer == id {
		repeats = s.Repeats
	}
	if repeats >= maxRepeats || s.Said >= maxAnswers {
		return false
	}
	s.Answer, s.Repeats, s.Fallbacks = id, repeats+1, 0
	s.Said++
	return true
}

// allowsFallback is allowsAnswer for the fallback. It leaves Answer and
// Repeats alone, so that a fallback in between does not free a repeated answer.
func (s *State) allowsFallback(maxFallbacks int) bool {
	if s.Fallbacks >= maxFallbacks || s.Said >= maxAnswers {
		return false
	}
	s.Fallbacks++
	s.Said++
	return true
}
