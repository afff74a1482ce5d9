package forms

import "errors"

// ErrSeveralValues and ErrNotText are what Fields.Value can return.
var (
	ErrSeveralValues = errors.New("more than one value")
	ErrNotText       = errors.New("not a plain value")
)

// Fields are the values of a posted form. The zero value is a form without any.
type Fields struct{ root node }

type kind int

const (
	kindNull kind = iota
	kindText      // a string, a number as sent, true or false
	kindList
	kindObject
)

type node struct {
	kind    kind
	text    string
	items   []node
	members map[string]node
}

// Value returns the one value at path, "" if there is none or it is null.
// Numbers come with the digits as sent, booleans as true or false; a list of
// one counts as its element. It returns ErrSeveralValues if the path leads to
// more than one value, and ErrNotText if it leads to an object or a list of
// lists. The zero Path leads nowhere.
//
// A path of several steps is also looked up as one name, since forms have names
// like data.phone and items[0]; if both exist there are several values.
func (f Fields) Value(path Path) (string, error) {
	found := f.root.walk(path.steps)
	if len(path.steps) > 1 {
		if n, ok := f.root.members[path.text]; ok {
			found = append(found, n)
		}
	}
	var values []string
	for _, n := range found {
		items := []node{n}
		if n.kind == kindList {
			items = n.items
		}
		for _, item := range items {
			switch item.kind {
			case kindNull:
			case kindText:
				values = append(values, item.text)
			default:
				return "", ErrNotText
			}
		}
	}
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	default:
		return "", ErrSeveralValues
	}
}

// walk returns all nodes that steps lead to from n, none without steps.
func (n node) walk(steps []step) []node {
	if len(steps) == 0 {
		return nil
	}
	found := []node{n}
	for _, s := range steps {
		var next []node
		for _, n := range found {
			next = append(next, s.from(n)...)
		}
		found = next
	}
	return found
}
