package forms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// parseJSON reads tokens instead of unmarshalling: that shows repeated keys and
// stops at the bounds before memory is spent.
func parseJSON(body []byte) (node, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(body))}
	r.dec.UseNumber()
	root, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if root.kind != kindObject && root.kind != kindList {
		return node{}, fmt.Errorf("%w: JSON is neither an object nor an array", ErrMalformed)
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return node{}, r.malformed("more than one JSON value")
	}
	return root, nil
}

type jsonReader struct {
	dec      *json.Decoder
	keys     int
	elements int
}

// malformed says what is wrong and where. The decoder's own message is left
// out since it quotes the body.
func (r *jsonReader) malformed(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrMalformed, what, r.dec.InputOffset())
}

func (r *jsonReader) token() (json.Token, error) {
	t, err := r.dec.Token()
	if err != nil {
		return nil, r.malformed("invalid JSON")
	}
	return t, nil
}

// value reads one value that stands within depth objects and arrays.
func (r *jsonReader) value(depth int) (node, error) {
	t, err := r.token()
	if err != nil {
		return node{}, err
	}
	switch t := t.(type) {
	case string:
		return node{kind: kindText, text: clean(t)}, nil
	case json.Number:
		return node{kind: kindText, text: t.String()}, nil
	case bool:
		return node{kind: kindText, text: strconv.FormatBool(t)}, nil
	case json.Delim:
		if depth == maxDepth {
			return node{}, r.malformed(fmt.Sprintf("more than %d levels", maxDepth))
		}
		if t == '{' {
			return r.object(depth + 1)
		}
		return r.list(depth + 1)
	}
	return node{}, nil // null
}

func (r *jsonReader) object(depth int) (node, error) {
	n := node{kind: kindObject, members: map[string]node{}}
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return node{}, err
		}
		key, isString := t.(string)
		if !isString {
			return node{}, r.malformed("a key that is no string")
		}
		key = clean(key)
		if _, again := n.members[key]; again {
			return node{}, r.malformed("a repeated key")
		}
		if r.keys++; r.keys > maxKeys {
			return node{}, r.malformed(fmt.Sprintf("more than %d keys", maxKeys))
		}
		if n.members[key], err = r.value(depth); err != nil {
			return node{}, err
		}
	}
	_, err := r.token() // the closing brace
	return n, err
}

func (r *jsonReader) list(depth int) (node, error) {
	n := node{kind: kindList}
	for r.dec.More() {
		if r.elements++; r.elements > maxElements {
			return node{}, r.malformed(fmt.Sprintf("more than %d array elements", maxElements))
		}
		item, err := r.value(depth)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	_, err := r.token() // the closing bracket
	return n, err
}
