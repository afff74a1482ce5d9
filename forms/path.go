package forms

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrPath is returned for a path that cannot be read.
var ErrPath = errors.New("unreadable path")

const maxPathBytes = 256

// Path says where in a form a value stands:
//
//	phone                          a name
//	data.phone                     a key within an object
//	answers[0].value               an element of a list, counted from 0
//	payload.data["Phone No. 1"]    a key with dots or brackets in it
//	fields[label=Phone].value      the elements whose label is Phone
//	answers[field.ref="a]"].text   the same, by an inner key and quoted
//
// Keys are compared as they stand, in case and white space. The zero value
// leads nowhere. A Path is written and read as text, in JSON as a string.
type Path struct {
	text  string
	steps []step
}

// step leads from a node to others: by key, to one element, or to all elements
// that have value at key.
type step struct {
	by    stepKind
	keys  []string // one for byKey
	index int
	value string
}

type stepKind int

const (
	byKey stepKind = iota
	byIndex
	byValue
)

// ParsePath reads a path of at most 256 bytes. The empty text is the zero Path.
// Errors wrap ErrPath and quote the path.
func ParsePath(s string) (Path, error) {
	if len(s) > maxPathBytes {
		return Path{}, fmt.Errorf("%w: longer than %d bytes", ErrPath, maxPathBytes)
	}
	p := Path{text: s}
	for rest := s; rest != ""; {
		var (
			next step
			ok   bool
		)
		if rest[0] == '[' {
			next, rest, ok = parseBracket(rest[1:])
		} else {
			if len(p.steps) > 0 {
				rest, ok = strings.CutPrefix(rest, ".")
				if !ok {
					return Path{}, fmt.Errorf("%w %q: a dot or bracket must follow ]", ErrPath, s)
				}
			}
			end := strings.IndexAny(rest+".", ".[]")
			next, rest = step{keys: []string{rest[:end]}}, rest[end:]
			ok = next.keys[0] != "" && !strings.HasPrefix(rest, "]")
		}
		if !ok {
			return Path{}, fmt.Errorf("%w %q after %d steps", ErrPath, s, len(p.steps))
		}
		p.steps = append(p.steps, next)
	}
	return p, nil
}

// parseBracket reads what follows an opening bracket and returns the rest after
// the closing one.
func parseBracket(s string) (next step, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		key, rest, ok := cutValue(s)
		return step{keys: []string{key}}, rest, ok
	}
	end := strings.IndexAny(s, "=]")
	if end <= 0 {
		return step{}, "", false
	}
	name, rest := s[:end], s[end+1:]
	if s[end] == '=' {
		value, rest, ok := cutValue(rest)
		return step{by: byValue, keys: strings.Split(name, "."), value: value}, rest, ok
	}
	if index, err := strconv.ParseUint(name, 10, 16); err == nil {
		return step{by: byIndex, index: int(index)}, rest, true
	}
	return step{keys: []string{name}}, rest, true
}

// cutValue reads a text up to the closing bracket. In double quotes it may hold
// brackets, but no quotes.
func cutValue(s string) (value, rest string, ok bool) {
	quoted, isQuoted := strings.CutPrefix(s, `"`)
	if !isQuoted {
		return strings.Cut(s, "]")
	}
	value, rest, ok = strings.Cut(quoted, `"]`)
	return value, rest, ok && !strings.Contains(value, `"`)
}

// from returns the nodes that one step leads to from n.
func (s step) from(n node) []node {
	switch s.by {
	case byIndex:
		if n.kind == kindList && s.index < len(n.items) {
			return n.items[s.index : s.index+1]
		}
	case byValue:
		var found []node
		for _, item := range n.items {
			if inner := item.at(s.keys); inner.kind == kindText && inner.text == s.value {
				found = append(found, item)
			}
		}
		return found
	case byKey:
		if member, ok := n.members[s.keys[0]]; ok {
			return []node{member}
		}
	}
	return nil
}

// at returns the node at keys within n, null if there is none.
func (n node) at(keys []string) node {
	for _, key := range keys {
		n = n.members[key]
	}
	return n
}

// String returns the path as it was written.
func (p Path) String() string { return p.text }

// MarshalText returns the path as it was written. It never fails.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText is ParsePath.
func (p *Path) UnmarshalText(b []byte) error {
	parsed, err := ParsePath(string(b))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}
