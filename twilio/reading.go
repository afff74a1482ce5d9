package twilio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// reading is one way to understand a body: what Twilio may have signed after
// the URL, and what must have happened to it since; no mistake for the body as
// it stands.
type reading struct {
	text    string
	mistake Mistake
}

func (ps params) reading(m Mistake) reading {
	return reading{string(signed{params: ps}.appendText(nil)), m}
}

// plainReadings are the body as it stands: a form's parameters, or nothing for
// a body that is not a form, whose hash is in the URL.
func plainReadings(body []byte, contentType string, hashed bool) []reading {
	ps, ok := parseParams(body)
	var all []reading
	switch {
	case hashed:
		all = append(all, reading{})
	case !isForm(contentType) && len(body) > 0:
		if ok {
			all = append(all, ps.reading(ContentTypeChanged))
		}
		all = append(all, reading{mistake: BodyAdded})
	case ok:
		all = append(all, ps.reading(""))
	}
	return all
}

// likelyReadings are the bodies that this one may have been on its way: one
// that was decoded as a whole, or of which only %2B was. A bare + at the start
// of a value is a phone number's.
func likelyReadings(body []byte) []reading {
	var raw params
	for field := range bytes.SplitSeq(body, []byte{'&'}) {
		name, value, _ := bytes.Cut(field, []byte{'='})
		raw = append(raw, param{name, value})
	}
	slices.SortFunc(raw, param.compare)
	all := []reading{raw.reading(DecodedTwice)}
	for _, bare := range []string{"=+", "+"} {
		escaped := strings.Replace(bare, "+", "%2B", 1)
		if ps, ok := parseParams(bytes.ReplaceAll(body, []byte(bare), []byte(escaped))); ok {
			all = append(all, ps.reading(DecodedTwice))
		}
	}
	return all
}

// maxDropped is up to how many parameters a body's are left out one by one.
const maxDropped = 64

// thoroughReadings are further ones, worth trying when somebody waits.
func thoroughReadings(body []byte) []reading {
	all := append(likelyReadings(body), decodedBodies(body)...)
	ps, ok := parseParams(body)
	if !ok {
		return all
	}
	all = append(all, reading{mistake: BodyAdded})
	for _, change := range []struct {
		mistake Mistake
		value   func(string) string
	}{
		{EscapedTwice, unescapeAgain},
		{DecodedTwice, func(s string) string { return strings.ReplaceAll(s, " ", "+") }},
		{LinesChanged, func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }},
		{LinesChanged, func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
		{LinesChanged, func(s string) string { return strings.TrimSuffix(s, "\n") }},
		{CharsetChanged, fromLatin1},
		{CharsetChanged, toLatin1},
	} {
		all = append(all, ps.each(change.value).reading(change.mistake))
	}
	if len(ps) <= maxDropped {
		for i := range ps {
			all = append(all, slices.Delete(slices.Clone(ps), i, i+1).reading(ParameterAdded))
		}
	}
	for _, name := range emptyNames {
		more := append(slices.Clone(ps), param{name: []byte(name)})
		slices.SortFunc(more, param.compare)
		all = append(all, more.reading(EmptyDropped))
	}
	return all
}

// emptyNames are the parameters that a webhook may carry without a value
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks).
var emptyNames = []string{
	"Attributes", "Body", "ClientIdentity", "ErrorCode", "FriendlyName", "Identity", "Media",
	"MessagingServiceSid", "ParticipantSid", "RoleSid", "Subject", "UniqueName",
}

// each changes every value.
func (ps params) each(change func(string) string) params {
	out := make(params, len(ps))
	for i, p := range ps {
		out[i] = param{p.name, []byte(change(string(p.value)))}
	}
	slices.SortFunc(out, param.compare)
	return out
}

func unescapeAgain(s string) string {
	if _, decoded, ok := unescape(nil, []byte(s)); ok {
		return string(decoded)
	}
	return s
}

// fromLatin1 reads bytes that were converted to Latin-1 as characters again.
func fromLatin1(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return string(out)
}

// toLatin1 undoes reading UTF-8 as Latin-1 and writing that as UTF-8.
func toLatin1(s string) string {
	var out []byte
	for _, r := range s {
		if r > 0xFF {
			return s
		}
		out = append(out, byte(r)) //nolint:gosec // G115: at most 0xFF
	}
	return string(out)
}

// decodedBodies are the forms that gateways wrap up.
func decodedBodies(body []byte) []reading {
	var all []reading
	var object map[string]string
	if json.Unmarshal(body, &object) == nil {
		var ps params
		for name, value := range object {
			ps = append(ps, param{[]byte(name), []byte(value)})
		}
		slices.SortFunc(ps, param.compare)
		all = append(all, ps.reading(FormIntoJSON))
	}
	if decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body))); err == nil {
		if ps, ok := parseParams(decoded); ok {
			all = append(all, ps.reading(BodyInBase64))
		}
	}
	return all
}
