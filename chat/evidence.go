package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Evidence is the immutable part of a sign-up, as it is hashed and kept.
type Evidence struct {
	ID                uuid.UUID  `json:"id"`
	CustomerID        uuid.UUID  `json:"customer_id"`
	SourceID          uuid.UUID  `json:"source_id"`
	ConversationID    uuid.UUID  `json:"conversation_id"`
	DedupeKey         string     `json:"dedupe_key"`
	ContentHash       hexBytes   `json:"content_hash"`
	DisclosureVersion int64      `json:"disclosure_version"`
	DisclosureSHA256  hexBytes   `json:"disclosure_sha256"`
	Consent           ConsentAct `json:"consent"`
	VerifiedBy        VerifiedBy `json:"verified_by"`
	Commitment        hexBytes   `json:"commitment"`
	PreviousHash      hexBytes   `json:"previous_hash,omitempty"`
	At                time.Time  `json:"at"`
}

type hexBytes []byte

// MarshalText writes the bytes as lower-case hex.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// Hash is SHA-256 over the evidence as JSON, the previous one's hash included:
// changing any sign-up of a customer changes every later hash.
func (e Evidence) Hash() []byte {
	e.At = e.At.UTC().Truncate(time.Microsecond) // what Postgres keeps
	text, err := json.Marshal(e)
	if err != nil {
		panic("evidence is always JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// Commitment binds the evidence to the erasable personal facts: HMAC-SHA256
// over them under a salt that is erased with them.
func (s Signup) Commitment(salt []byte) []byte {
	text, err := json.Marshal([]string{string(s.Phone), s.PhoneTyped, s.Name, s.PageURL, s.IP.String(), s.UserAgent})
	if err != nil {
		panic("strings are always JSON: " + err.Error())
	}
	h := hmac.New(sha256.New, salt)
	h.Write(text)
	h.Write(s.Payload)
	return h.Sum(nil)
}

// ContentHash tells the same submission from another one: the source and what
// was posted to it.
func (s Signup) ContentHash() []byte {
	h := sha256.New()
	h.Write(s.Source.ID[:])
	h.Write(s.Payload)
	return h.Sum(nil)
}
