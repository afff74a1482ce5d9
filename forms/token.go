package forms

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// TokenHash is the SHA-256 of a source's token. Only the hash is stored: the
// token has enough entropy of its own to need no salt. The zero value stands
// for no token and matches none.
type TokenHash [sha256.Size]byte

// GenerateToken returns a new random token of at least 128 bits, made of
// characters that need no escaping in a URL path.
func GenerateToken() string { return rand.Text() }

// HashToken returns the hash to store for token, the zero TokenHash for the
// empty one.
func HashToken(token string) TokenHash {
	if token == "" {
		return TokenHash{}
	}
	return sha256.Sum256([]byte(token))
}

// MatchToken reports whether token belongs to one of the hashes: the one in use
// and, during a rotation, the one it replaces. It takes the same time whichever
// matches and wherever a wrong one differs.
func MatchToken(token string, hashes ...TokenHash) bool {
	presented := HashToken(token)
	match := 0
	for _, h := range hashes {
		set := 1 - subtle.ConstantTimeCompare(h[:], make([]byte, sha256.Size))
		match |= set & subtle.ConstantTimeCompare(presented[:], h[:])
	}
	return match == 1
}

// RequestToken returns the token a request presents: in "Authorization: Bearer
// …", in "X-Webhook-Token", or, if pathToken is not empty, as the last segment
// of its path. It returns "" if there is none, and also if there is more than
// one, even of the same value: an honest sender was set up with one.
func RequestToken(header http.Header, pathToken string) string {
	var tokens []string
	for _, value := range header.Values("Authorization") {
		scheme, token, _ := strings.Cut(value, " ")
		if strings.EqualFold(scheme, "Bearer") {
			tokens = append(tokens, strings.TrimSpace(token))
		}
	}
	tokens = append(tokens, header.Values("X-Webhook-Token")...)
	if pathToken != "" {
		tokens = append(tokens, pathToken)
	}
	if len(tokens) != 1 {
		return ""
	}
	return tokens[0]
}
