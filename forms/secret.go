package forms

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrSecret is returned for a webhook secret that cannot be used.
var ErrSecret = errors.New("unusable webhook secret")

// Standard Webhooks 1.0.0 asks for secrets of 24 to 64 bytes, written as
// base64 after a prefix:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
const (
	secretPrefix   = "whsec_"
	minSecretBytes = 24
	maxSecretBytes = 64
	newSecretBytes = 32
	// minDistinctBytes refuses placeholders like AAAA…; 24 random bytes
	// have fewer than 8 different values about never.
	minDistinctBytes = 8
)

// GenerateSecret returns a new random secret of 256 bits in the form "whsec_"
// and base64, which ParseSecret reads.
func GenerateSecret() string {
	key := make([]byte, newSecretBytes)
	rand.Read(key) // never fails, see its documentation
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// ParseSecret returns the key bytes of a secret written as "whsec_" and padded
// base64. White space around it is ignored. It returns an error that wraps
// ErrSecret, and does not show the secret, if the prefix or the encoding is
// wrong, if the key is not 24 to 64 bytes long, or if it repeats so few bytes
// that it must be a placeholder.
func ParseSecret(text string) ([]byte, error) {
	encoded, found := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	if !found {
		return nil, fmt.Errorf("%w: it does not start with %s", ErrSecret, secretPrefix)
	}
	key, ok := decodeBase64(encoded)
	if !ok {
		return nil, fmt.Errorf("%w: what follows %s is not padded base64", ErrSecret, secretPrefix)
	}
	if err := checkSecret(key); err != nil {
		return nil, err
	}
	return key, nil
}

// checkSecret returns an error that wraps ErrSecret for a key too weak to
// verify with.
func checkSecret(key []byte) error {
	if len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return fmt.Errorf("%w: the key has %d bytes, not %d to %d", ErrSecret, len(key), minSecretBytes, maxSecretBytes)
	}
	distinct := map[byte]bool{}
	for _, b := range key {
		distinct[b] = true
	}
	if len(distinct) < minDistinctBytes {
		return fmt.Errorf("%w: the key repeats %d bytes", ErrSecret, len(distinct))
	}
	return nil
}

// decodeBase64 decodes padded standard base64 and nothing else: the standard
// decoder skips line breaks, which would make several texts mean one MAC.
func decodeBase64(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil
}
