package chat

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// A form token ties a post to a page we served: which source, when, and an ID
// that makes a second post of the same page the same sign-up. It slows robots
// down; it does not authenticate anybody.

// FormTokenLife is how long a served page may be filled in.
const FormTokenLife = 2 * time.Hour

// Errors of ReadFormToken.
var (
	ErrFormToken        = errors.New("form token is not one of ours")
	ErrFormTokenExpired = errors.New("form token has expired")
)

// NewFormToken makes a token for one page view of the source.
func (k *Keyring) NewFormToken(source string, now time.Time) string {
	id := base64.RawURLEncoding.EncodeToString(RandomBytes(16))
	text := id + "." + strconv.FormatInt(now.Unix(), 36) + "." + source
	return text + "." + base64.RawURLEncoding.EncodeToString(k.signToken(text))
}

// ReadFormToken checks a token and returns its ID, the sign-up's dedupe key.
// It returns ErrFormToken for a token that is not ours or of another source,
// ErrFormTokenExpired for one older than FormTokenLife.
func (k *Keyring) ReadFormToken(token, source string, now time.Time) (id string, err error) {
	cut := strings.LastIndexByte(token, '.')
	if cut < 0 || len(token) > 256 {
		return "", ErrFormToken
	}
	text := token[:cut]
	sum, err := base64.RawURLEncoding.DecodeString(token[cut+1:])
	if err != nil || !hmac.Equal(sum, k.signToken(text)) {
		return "", ErrFormToken
	}
	part := strings.SplitN(text, ".", 3)
	if len(part) != 3 || part[2] != source {
		return "", ErrFormToken
	}
	made, err := strconv.ParseInt(part[1], 36, 64)
	if err != nil {
		return "", ErrFormToken
	}
	if age := now.Sub(time.Unix(made, 0)); age > FormTokenLife || age < -time.Minute {
		return "", ErrFormTokenExpired
	}
	return part[0], nil
}
