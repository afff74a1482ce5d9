package forms

import (
	"errors"
	"fmt"
	"mime"
	"strings"
)

// ErrTooLarge, ErrMediaType and ErrMalformed are what ParseBody can return.
var (
	ErrTooLarge  = errors.New("body too large")
	ErrMediaType = errors.New("unsupported content type")
	ErrMalformed = errors.New("malformed body")
)

// Bounds of a body. A form has a few dozen fields; vendors send at most 256 KiB.
const (
	// MaxBodyBytes is the longest body ParseBody reads. The caller should
	// stop reading the request there, too.
	MaxBodyBytes = 256 << 10

	maxParts    = 64   // of a multipart body
	maxKeys     = 1000 // names in a form, keys in all JSON objects together
	maxElements = 1000 // elements in all JSON arrays together
	maxDepth    = 32   // JSON objects and arrays within each other
)

// ParseBody reads the raw body of a posted form. It accepts JSON
// (application/json and …+json) whose top level is an object or an array,
// application/x-www-form-urlencoded, and multipart/form-data, in UTF-8.
//
// Numbers keep their digits as sent. Uploaded files are left out. A name that
// comes twice in a form is kept with both values and refused only when it is
// asked for (ErrSeveralValues); a key that comes twice in a JSON object is
// refused here, since parsers differ on which one counts. Broken text is not a
// reason to lose a sign-up: NUL characters, invalid UTF-8 and lone surrogates
// become U+FFFD, so no value holds what Postgres cannot store. A byte order
// mark before JSON is ignored.
//
// Errors wrap ErrTooLarge (more than MaxBodyBytes), ErrMediaType, or
// ErrMalformed (does not parse, or exceeds 64 parts, 1000 names or keys, 1000
// array elements or 32 levels).
func ParseBody(contentType string, body []byte) (Fields, error) {
	if len(body) > MaxBodyBytes {
		return Fields{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBodyBytes)
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return Fields{}, fmt.Errorf("%w: unreadable or missing", ErrMediaType)
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return Fields{}, fmt.Errorf("%w: only UTF-8 is read", ErrMediaType)
	}
	var root node
	switch {
	case mediaType == "application/json", strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json"):
		root, err = parseJSON(body)
	case mediaType == "application/x-www-form-urlencoded":
		root, err = parseURLEncoded(body)
	case mediaType == "multipart/form-data":
		root, err = parseMultipart(body, params["boundary"])
	default:
		err = fmt.Errorf("%w: send JSON, application/x-www-form-urlencoded or multipart/form-data", ErrMediaType)
	}
	if err != nil {
		return Fields{}, err
	}
	return Fields{root}, nil
}

// clean replaces what a text column cannot hold.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
