package twilio

import (
	"bytes"
	"slices"
	"strings"
)

// param is one parameter of a webhook, decoded. Nothing is trimmed.
type param struct{ name, value []byte }

func (p param) equal(q param) bool {
	return slices.Equal(p.name, q.name) && slices.Equal(p.value, q.value)
}

func (p param) compare(q param) int {
	if c := bytes.Compare(p.name, q.name); c != 0 {
		return c
	}
	return bytes.Compare(p.value, q.value)
}

// params are all parameters of a webhook, sorted by name and then by value, as
// Twilio signs them. A repeated one is kept as often as it came.
type params []param

// parseParams reads a URL-encoded form. Unlike url.ParseQuery it keeps every
// pair, lets ";" be part of a value, and refuses what Twilio never sends: a
// broken escape, or a parameter without a name, which a signature cannot see.
func parseParams(body []byte) (params, bool) {
	if len(body) == 0 {
		return nil, true
	}
	decoded := make([]byte, 0, len(body)) // never grows: the pairs point into it
	ps := make(params, 0, bytes.Count(body, []byte{'&'})+1)
	for field := range bytes.SplitSeq(body, []byte{'&'}) {
		name, value, _ := bytes.Cut(field, []byte{'='})
		if len(name) == 0 {
			return nil, false
		}
		var p param
		var okName, okValue bool
		decoded, p.name, okName = unescape(decoded, name)
		decoded, p.value, okValue = unescape(decoded, value)
		if !okName || !okValue {
			return nil, false
		}
		ps = append(ps, p)
	}
	slices.SortFunc(ps, param.compare)
	return ps, true
}

// unescape appends the decoded s to the buffer and returns both.
func unescape(to, s []byte) (buffer, decoded []byte, ok bool) {
	start := len(to)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			to = append(to, ' ')
		case '%':
			if i+2 >= len(s) {
				return to, nil, false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return to, nil, false
			}
			to = append(to, byte(hi<<4|lo)) //nolint:gosec // G115: two digits of hex
			i += 2
		default:
			to = append(to, c)
		}
	}
	return to, to[start:len(to):len(to)], true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

func isForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}
