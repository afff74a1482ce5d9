package twilio

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// payload is a JSON object of name to value, or to an array of values where a
// name is repeated, that Postgres takes as jsonb.
func (ps params) payload() json.RawMessage {
	object := make(map[string]any, len(ps))
	for _, p := range ps {
		name, value := clean(string(p.name)), clean(string(p.value))
		switch had := object[name].(type) {
		case nil:
			object[name] = value
		case string:
			object[name] = []string{had, value}
		case []string:
			object[name] = append(had, value)
		}
	}
	b, _ := json.Marshal(object) // strings cannot fail
	return b
}

// digest tells the contents of one webhook from those of another, whatever the
// order of the parameters. RetryCount is left out: it counts the deliveries of
// one fact.
func (ps params) digest() string {
	h := sha256.New()
	var length []byte
	write := func(b []byte) {
		length = binary.AppendUvarint(length[:0], uint64(len(b)))
		h.Write(length)
		h.Write(b)
	}
	for i, p := range ps {
		if string(p.name) == "RetryCount" || i > 0 && p.equal(ps[i-1]) { // which the signature cannot tell from one
			continue
		}
		write(p.name)
		write(p.value)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// clean makes s storable: Postgres takes neither NUL nor broken UTF-8.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// cleanAll is clean for every string within a decoded JSON value.
func cleanAll(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleanAll(v[i])
		}
		return v
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, value := range v {
			object[clean(name)] = cleanAll(value)
		}
		return object
	default:
		return v
	}
}
