package bot

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Script is what the bot can say. ParseScript makes and checks one; treat it
// as read-only, it is shared by concurrent calls of Reply.
//
// A keyword matches a text that contains all its words, whole and in a row, in
// any case, with any punctuation and with or without accents. The longest
// matching keyword wins, which lets a message that is exactly a keyword win
// over one that only contains it. Among equally long ones a request for a
// human comes first, then the order of the file.
type Script struct {
	// Business replaces {business} in the texts.
	Business string
	// Greeting is the script's suggestion for a first text, empty if there
	// is none. Reply never sends it: the welcome belongs to the source.
	Greeting string
	// Fallback answers a burst that no keyword matches.
	Fallback string
	// Entries are the keyword answers in the order of the file.
	Entries []Entry

	// MaxSegments bounds every text, in SMS segments (see Segments).
	MaxSegments int
	// MaxReplies bounds the texts of one turn.
	MaxReplies int
	// MaxFallbacks bounds the fallbacks in a row; 0 means never.
	MaxFallbacks int
	// MaxRepeats bounds how often one answer is given in a row.
	MaxRepeats int

	keywords []keyword // longest first
}

// Entry is one answer and the keywords that call for it.
type Entry struct {
	// Keywords as written in the file; at least one.
	Keywords []string
	// Answer is the text to send.
	Answer string
	// Agent marks keywords that ask for a human.
	Agent bool
}

// id names the entry in a State. The first keyword survives a reworded answer
// and a re-ordered file.
func (e *Entry) id() string { return normalise(e.Keywords[0]) }

type keyword struct {
	words string // normalised
	entry int    // index in Script.Entries
}

// sortKeywords puts the keywords in the order in which match tries them.
func (s *Script) sortKeywords() {
	slices.SortStableFunc(s.keywords, func(a, b keyword) int {
		return cmp.Or(
			cmp.Compare(utf8.RuneCountInString(b.words), utf8.RuneCountInString(a.words)),
			compareAgent(s.Entries[a.entry], s.Entries[b.entry]),
		)
	})
}

func compareAgent(a, b Entry) int {
	switch {
	case a.Agent == b.Agent:
		return 0
	case a.Agent:
		return -1
	default:
		return 1
	}
}

// match returns the entry that text calls for, or nil.
func (s *Script) match(text string) *Entry {
	words := " " + normalise(text) + " "
	for _, k := range s.keywords {
		if strings.Contains(words, " "+k.words+" ") {
			return &s.Entries[k.entry]
		}
	}
	return nil
}

// choose returns the entries to answer a burst with, in the order of the texts
// that call for them: the request for a human alone if there is one, else the
// last MaxReplies different ones.
func (s *Script) choose(texts []string) []*Entry {
	var found []*Entry
	for _, text := range texts {
		e := s.match(text)
		if e == nil {
			continue
		}
		found = slices.DeleteFunc(found, func(f *Entry) bool { return f == e })
		found = append(found, e)
	}
	for _, e := range slices.Backward(found) {
		if e.Agent {
			return []*Entry{e}
		}
	}
	return found[max(0, len(found)-s.MaxReplies):]
}
