package twilio

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"textme/chat"
)

var accountPattern = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)

// Webhooks turns what Twilio posts into events. It is safe for concurrent use.
type Webhooks struct {
	verifier   *Verifier
	accountSID string
	signed     func(token string)
}

// The tokens by which webhooks are counted: while tokens are rotated, the second
// is the one to come or the one that goes
// (https://www.twilio.com/docs/iam/api/authtoken).
const (
	SignedByPrimary   = "primary"
	SignedBySecondary = "secondary"
)

// NewWebhooks takes webhooks of one account. It refuses an accountSID that is
// not AC and 32 hex digits. signed, unless nil, is told of each genuine webhook
// which of the verifier's tokens has signed it; it must be quick and safe for
// concurrent use.
func NewWebhooks(v *Verifier, accountSID string, signed func(token string)) (*Webhooks, error) {
	if !accountPattern.MatchString(accountSID) {
		return nil, errors.New("the account SID is not AC and 32 hex digits")
	}
	if signed == nil {
		signed = func(string) {}
	}
	return &Webhooks{verifier: v, accountSID: accountSID, signed: signed}, nil
}

// UnknownEvent is the type of a webhook that names no type.
const UnknownEvent = "unknown"

// Receive verifies and decodes one webhook: the request target as it stood in
// the request line, the headers, the untouched body. The only error wraps
// chat.ErrForged: it is not from Twilio, or of another account. If the headers
// (Host among them, where the caller adds it) or a usual mistake of a proxy tell
// what the signature was made for, the error says so. A genuine one
// is always an event, so that it is kept: one that lacks what its type promises
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks)
// has its Problem set and nothing to act on, one of a type that chat does not
// name has only its payload.
//
// The same fact has the same key each time. Its payload is a JSON object of the
// parameters, an array where a name is repeated, that Postgres takes as jsonb. Of
// a body that is no form, or has more parameters than are read, it is the body.
func (w *Webhooks) Receive(requestURI string, header http.Header, body []byte) (chat.Event, error) {
	s, err := w.verifier.verify(requestURI, body, header.Get("Content-Type"), header.Values("X-Twilio-Signature"))
	if err != nil {
		if refused := (*SignatureError)(nil); errors.As(err, &refused) {
			refused.Match = w.verifier.explain(requestURI, header, body)
		}
		return chat.Event{}, err
	}
	w.signed([]string{SignedByPrimary, SignedBySecondary}[s.token])
	if s.json {
		// Classic Conversations sends none; the signature alone vouches for the
		// account, whose token made it.
		sum := sha256.Sum256(body)
		return wholeEvent(hex.EncodeToString(sum[:]), body, "the body is not a form"), nil
	}
	r := reader{params: s.params}
	if r.text("AccountSid") != w.accountSID {
		return chat.Event{}, fmt.Errorf("webhook of another account: %w", chat.ErrForged)
	}
	if len(s.params) > maxParameters {
		return wholeEvent(s.params.digest(), body, "the body has too many parameters"), nil
	}
	return r.event(), nil
}

// maxParameters bounds what is read of a form: none of Twilio's has a hundred,
// and as many as fit would take many times the body's memory. All of them are
// signed nevertheless.
const maxParameters = 1000

// wholeEvent keeps a body whose parameters nobody reads; sum tells it from
// others. The body becomes a string: as it stands, it might hold what jsonb
// refuses.
func wholeEvent(sum string, body []byte, problem string) chat.Event {
	payload, _ := json.Marshal(map[string]string{"body": clean(string(body))}) // strings cannot fail
	return chat.Event{
		Key:     chat.EventKey(UnknownEvent, sum),
		Via:     chat.ViaWebhook,
		Type:    UnknownEvent,
		Payload: payload,
		Problem: problem,
	}
}
