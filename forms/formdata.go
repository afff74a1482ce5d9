package forms

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
)

func parseURLEncoded(body []byte) (node, error) {
	if bytes.Count(body, []byte("&")) >= maxKeys {
		return node{}, fmt.Errorf("%w: more than %d fields", ErrMalformed, maxKeys)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		// The cause quotes the body.
		return node{}, fmt.Errorf("%w: invalid form encoding", ErrMalformed)
	}
	form := newForm()
	for name, list := range values {
		for _, value := range list {
			form.add(name, value)
		}
	}
	return form, nil
}

func parseMultipart(body []byte, boundary string) (node, error) {
	if boundary == "" || !bytes.Contains(body, []byte("--"+boundary+"--")) {
		return node{}, fmt.Errorf("%w: multipart without its closing boundary", ErrMalformed)
	}
	form := newForm()
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for parts := 0; ; parts++ {
		part, err := reader.NextPart()
		if err == io.EOF { //nolint:errorlint // bare, it is the end; wrapped, a body cut short
			return form, nil
		}
		if err != nil {
			return node{}, fmt.Errorf("%w: invalid multipart at part %d", ErrMalformed, parts+1)
		}
		if parts == maxParts {
			return node{}, fmt.Errorf("%w: more than %d parts", ErrMalformed, maxParts)
		}
		if part.FileName() != "" {
			continue // NextPart skips what was not read
		}
		value, err := io.ReadAll(part)
		if err != nil || part.FormName() == "" {
			return node{}, fmt.Errorf("%w: invalid multipart at part %d", ErrMalformed, parts+1)
		}
		form.add(part.FormName(), string(value))
	}
}

func newForm() node { return node{kind: kindObject, members: map[string]node{}} }

// add gives an object one more value for a name. Names that differ only in
// what clean removes are the same name, with several values.
func (n node) add(name, value string) {
	name, item := clean(name), node{kind: kindText, text: clean(value)}
	switch old, again := n.members[name]; {
	case !again:
		n.members[name] = item
	case old.kind == kindList:
		old.items = append(old.items, item)
		n.members[name] = old
	default:
		n.members[name] = node{kind: kindList, items: []node{old, item}}
	}
}
