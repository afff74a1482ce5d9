package bot

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// reserved lists the words that Twilio acts on when they are the whole message;
// an answer of ours would come second or never:
// https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
func reserved(words string) bool {
	switch words {
	case "stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel",
		"start", "yes", "unstop", "help", "info":
		return true
	}
	return false
}

var placeholders = regexp.MustCompile(`\{[^{}\s]*\}`)

// builder makes a script of items and collects what is wrong with them.
type builder struct {
	script   Script
	problems []Problem

	once     map[string]item // items whose name may stand once
	keywords map[string]int  // line of each keyword, by its words
	headings []item          // the keywords or agent item of each entry
	answers  []item          // the answer item of each entry; line 0 if none yet
}

func newBuilder() *builder {
	return &builder{
		script:   Script{MaxSegments: 2, MaxReplies: 1, MaxFallbacks: 2, MaxRepeats: 3},
		once:     map[string]item{},
		keywords: map[string]int{},
	}
}

func (b *builder) problem(line int, format string, args ...any) {
	b.problems = append(b.problems, Problem{line, fmt.Sprintf(format, args...)})
}

// add takes over one item. Texts are only kept: the business name and the
// limits they depend on may stand further down.
func (b *builder) add(it item) {
	switch it.name {
	case "keywords", "agent":
		b.addEntry(it)
	case "answer":
		b.addAnswer(it)
	case "business", "greeting", "fallback":
		b.addOnce(it)
	case "max-segments": // ten are about the 1,600 characters Twilio accepts
		b.addNumber(it, &b.script.MaxSegments, 1, 10)
	case "max-replies":
		b.addNumber(it, &b.script.MaxReplies, 1, 3)
	case "max-fallbacks":
		b.addNumber(it, &b.script.MaxFallbacks, 0, 5)
	case "max-repeats":
		b.addNumber(it, &b.script.MaxRepeats, 1, 10)
	case "":
		b.problem(it.line, `expected "name: text"; start the line with spaces to continue the text above`)
	default:
		b.problem(it.line, "unknown name %q; names are business, greeting, keywords, agent, answer, fallback, max-segments, "+
			"max-replies, max-fallbacks and max-repeats; start the line with spaces to continue the text above", it.name)
	}
}

func (b *builder) addOnce(it item) {
	if first, again := b.once[it.name]; again {
		b.problem(it.line, "%s stands in line %d already", it.name, first.line)
		return
	}
	b.once[it.name] = it
}

func (b *builder) addNumber(it item, to *int, low, high int) {
	b.addOnce(it)
	n, err := strconv.Atoi(it.value)
	if err != nil || n < low || n > high {
		b.problem(it.line, "%s must be a number from %d to %d", it.name, low, high)
		return
	}
	*to = n
}

// addEntry starts an entry with the keywords of it.
func (b *builder) addEntry(it item) {
	index := len(b.headings)
	e := Entry{Agent: it.name == "agent"}
	for _, word := range strings.FieldsFunc(it.value, func(r rune) bool { return r == ',' || r == '\n' }) {
		word = strings.TrimSpace(word)
		words := normalise(word)
		first, again := b.keywords[words]
		switch {
		case word == "":
			continue
		case words == "":
			b.problem(it.line, "keyword %q has no letter or digit", word)
		case reserved(words):
			b.problem(it.line, "keyword %q is reserved: the network acts on it", word)
		case again:
			b.problem(it.line, "keyword %q stands in line %d already", word, first)
		}
		e.Keywords = append(e.Keywords, word)
		if !again {
			b.keywords[words] = it.line
			b.script.keywords = append(b.script.keywords, keyword{words, index})
		}
	}
	if len(e.Keywords) == 0 {
		b.problem(it.line, "%s names no keyword", it.name)
	}
	b.script.Entries = append(b.script.Entries, e)
	b.headings = append(b.headings, it)
	b.answers = append(b.answers, item{})
}

// addAnswer gives the newest entry its answer.
func (b *builder) addAnswer(it item) {
	index := len(b.answers) - 1
	switch {
	case index < 0:
		b.problem(it.line, "answer needs keywords or agent above it")
	case b.answers[index].line != 0:
		b.problem(it.line, "the keywords of line %d have an answer already", b.headings[index].line)
	default:
		b.answers[index] = it
	}
}

// finish fills in the texts and checks what only the whole file shows.
func (b *builder) finish(lastLine int) {
	if it, found := b.once["business"]; found {
		b.script.Business = it.value
		if it.value == "" {
			b.problem(it.line, "business is empty")
		}
	}
	if it, found := b.once["greeting"]; found {
		b.script.Greeting = b.text(it)
	}
	if it, found := b.once["fallback"]; found {
		b.script.Fallback = b.text(it)
	} else {
		b.problem(lastLine, "fallback is missing: the text for messages without a keyword")
	}
	for i, it := range b.answers {
		if it.line == 0 {
			b.problem(b.headings[i].line, "%s without an answer below", b.headings[i].name)
			continue
		}
		b.script.Entries[i].Answer = b.text(it)
	}
}

// text returns the text of an item as it will be sent.
func (b *builder) text(it item) string {
	if it.value == "" {
		b.problem(it.line, "%s is empty", it.name)
	}
	if strings.ContainsFunc(it.value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		b.problem(it.line, "%s holds a tab or another control character", it.name)
	}
	found := placeholders.FindAllString(it.value, -1)
	for _, p := range found {
		if p != "{business}" {
			b.problem(it.line, "%s is not known; the only placeholder is {business}", p)
		}
	}
	if slices.Contains(found, "{business}") && b.once["business"].line == 0 {
		b.problem(it.line, "{business} needs a line with the name, as in business: Harbor Bikes")
	}
	text := strings.ReplaceAll(it.value, "{business}", b.script.Business)
	if count, wide := Segments(text); count > b.script.MaxSegments {
		why := ""
		if wide != 0 {
			why = fmt.Sprintf("; %q is not in the SMS alphabet, which leaves 67 characters to a segment instead of 153", wide)
		}
		b.problem(it.line, "%s takes %d segments, at most %d are allowed%s", it.name, count, b.script.MaxSegments, why)
	}
	return text
}
