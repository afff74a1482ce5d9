package bot

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxScriptBytes bounds a script file; a long one has a few kilobytes.
const maxScriptBytes = 64 << 10

// Problem is one thing wrong with a script file.
type Problem struct {
	// Line counts from 1.
	Line int
	// Message is written for the person who edits the file.
	Message string
}

// ScriptError lists everything wrong with a script file, in the order of its
// lines. ParseScript never returns one without problems.
type ScriptError struct{ Problems []Problem }

// Error puts each problem on a line of its own, "line 3: …".
func (e *ScriptError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = fmt.Sprintf("line %d: %s", p.Line, p.Message)
	}
	return strings.Join(lines, "\n")
}

// ParseScript reads a script file: UTF-8, at most 64 KiB, lines of the form
// "name: value". A line that starts with white space continues the value above
// on a new line; blank lines and lines that start with # are left out. The
// names, and what each means, stand at the top of scripts/default.txt.
//
// The error, if any, is a *ScriptError with all problems of the file: unknown
// and repeated names, empty or over-long texts, keywords without an answer,
// used twice or reserved (STOP, START, HELP and their kin), placeholders other
// than {business}, settings out of range, no fallback.
func ParseScript(data []byte) (*Script, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if p, ok := checkText(data); !ok {
		return nil, &ScriptError{Problems: []Problem{p}}
	}
	items, lastLine := split(string(data))
	b := newBuilder()
	for _, it := range items {
		b.add(it)
	}
	b.finish(lastLine)
	if len(b.problems) > 0 {
		slices.SortStableFunc(b.problems, func(p, q Problem) int { return p.Line - q.Line })
		return nil, &ScriptError{Problems: b.problems}
	}
	b.script.sortKeywords()
	return &b.script, nil
}

// checkText returns what keeps data from being read as text at all. A file
// saved as UTF-16 shows as broken UTF-8 or as NULs.
func checkText(data []byte) (p Problem, ok bool) {
	if len(data) > maxScriptBytes {
		return Problem{1, fmt.Sprintf("the file is longer than %d KiB", maxScriptBytes>>10)}, false
	}
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == 0 || r == utf8.RuneError && size == 1 {
			return Problem{line, "this is not UTF-8 text; save the file as UTF-8"}, false
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return Problem{}, true
}

// item is one "name: value" of the file. A line that is not of that form makes
// an item without a name, so that its continuation does not go astray.
type item struct {
	line  int
	name  string
	value string
}

// split cuts a file into items and returns the number of its last line that
// holds one.
func split(file string) (items []item, lastLine int) {
	number := 0
	for line := range strings.SplitSeq(file, "\n") {
		number++
		value := strings.TrimSpace(line)
		if value == "" || line[0] == '#' {
			continue
		}
		lastLine = number
		if len(items) > 0 && unicode.IsSpace(rune(line[0])) {
			above := &items[len(items)-1]
			above.value = strings.TrimPrefix(above.value+"\n"+value, "\n")
			continue
		}
		it := item{line: number}
		if name, value, found := strings.Cut(value, ":"); found {
			it.name, it.value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		}
		items = append(items, it)
	}
	return items, max(lastLine, 1)
}
