package forms

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Verdict is what a signature check came to.
type Verdict int

// The zero value refuses.
const (
	// Bad: not signed by a holder of the secret. To the outside it must
	// look like an unknown address.
	Bad Verdict = iota
	// Stale: signed by a holder of the secret, but the timestamp is more
	// than five minutes off. A replay, or a clock that is wrong.
	Stale
	// Good: signed and in time.
	Good
)

// String returns the verdict in lower case, for logs.
func (v Verdict) String() string {
	switch v {
	case Good:
		return "good"
	case Stale:
		return "stale"
	default:
		return "bad"
	}
}

// Verification is the outcome of VerifyStandardWebhook.
type Verification struct {
	Verdict Verdict
	// ID is the webhook-id: the same on every retry of one delivery, so it
	// is the key to recognise a repeat by. Empty if Verdict is Bad.
	ID string
	// SentAt is the webhook-timestamp, to the second, UTC. Zero if Verdict
	// is Bad. Its distance from now tells a wrong clock from a replay.
	SentAt time.Time
	// Reason says in a few fixed words why Verdict is not Good. It holds
	// nothing of the request. Empty if Verdict is Good.
	Reason string
}

const (
	tolerance = 5 * time.Minute
	// maxSecrets is the one in use and the one it replaces.
	maxSecrets = 2
	// maxSignatures leaves room for a sender that signs with several
	// secrets while it rotates them.
	maxSignatures = 8
	maxIDBytes    = 256
	// maxSignatureBytes fits eight signatures; an ed25519 one (v1a) has 92.
	maxSignatureBytes = 1024
)

// VerifyStandardWebhook checks a request against Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks): a MAC by HMAC-SHA256
// over "id.timestamp.body", with a tolerance of five minutes to either side of
// now. body must be the bytes as received. One or two secrets are tried, as
// ParseSecret returns them; with none, more, or a weak one every request is
// Bad.
//
// It is stricter than the reference library: each of the three headers must be
// there exactly once; the timestamp is one to twelve digits and hashed as
// received; the ID is at most 256 visible ASCII characters without a dot, which
// would let the border between ID and timestamp move; at most eight signatures
// are read, those of other versions than v1 ignored.
func VerifyStandardWebhook(body []byte, header http.Header, secrets [][]byte, now time.Time) Verification {
	if reason := checkSecrets(secrets); reason != "" {
		return Verification{Reason: reason}
	}
	id, ok := single(header, "Webhook-Id")
	if !ok || !validID(id) {
		return Verification{Reason: "missing or malformed webhook-id"}
	}
	timestamp, ok := single(header, "Webhook-Timestamp")
	sentAt, valid := parseTimestamp(timestamp)
	if !ok || !valid {
		return Verification{Reason: "missing or malformed webhook-timestamp"}
	}
	signature, ok := single(header, "Webhook-Signature")
	macs, valid := parseSignatures(signature)
	if !ok || !valid {
		return Verification{Reason: "missing or malformed webhook-signature"}
	}
	if !anyMAC(macs, secrets, id, timestamp, body) {
		return Verification{Reason: "no signature matches"}
	}
	v := Verification{Verdict: Good, ID: id, SentAt: sentAt}
	if now.Sub(sentAt).Abs() > tolerance {
		v.Verdict, v.Reason = Stale, "timestamp out of tolerance"
	}
	return v
}

func checkSecrets(secrets [][]byte) (reason string) {
	if len(secrets) == 0 {
		return "no secret"
	}
	if len(secrets) > maxSecrets {
		return "too many secrets"
	}
	for _, secret := range secrets {
		if checkSecret(secret) != nil {
			return "unusable secret"
		}
	}
	return ""
}

// single returns the value of a header that must be there exactly once: of two
// values, a proxy and we might each read another one.
func single(header http.Header, name string) (value string, ok bool) {
	values := header.Values(name)
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

func validID(id string) bool {
	if id == "" || len(id) > maxIDBytes {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool { return r == '.' || r <= ' ' || r > '~' })
}

func parseTimestamp(s string) (time.Time, bool) {
	if len(s) > 12 || strings.Trim(s, "0123456789") != "" {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0).UTC(), err == nil
}

// parseSignatures returns the MACs of a space-separated list "v1,<base64> …".
// An entry that does not decode spoils the list: no honest sender makes one.
func parseSignatures(s string) (macs [][]byte, ok bool) {
	if len(s) > maxSignatureBytes {
		return nil, false
	}
	list := strings.Split(s, " ")
	if len(list) > maxSignatures {
		return nil, false
	}
	for _, entry := range list {
		version, encoded, found := strings.Cut(entry, ",")
		if !found {
			return nil, false
		}
		if version != "v1" {
			continue
		}
		mac, ok := decodeBase64(encoded)
		if !ok || len(mac) != sha256.Size {
			return nil, false
		}
		macs = append(macs, mac)
	}
	return macs, len(macs) > 0
}

// anyMAC reports whether one of the MACs is right under one of the secrets.
func anyMAC(macs, secrets [][]byte, id, timestamp string, body []byte) bool {
	match := false
	for _, secret := range secrets {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(id + "." + timestamp + "."))
		h.Write(body)
		want := h.Sum(nil)
		for _, mac := range macs {
			match = hmac.Equal(mac, want) || match
		}
	}
	return match
}
