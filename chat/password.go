package chat

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The argon2id parameters for new passwords: OWASP's first choice
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32
)

// How long a password may be, in characters.
const (
	MinPassword = 12
	MaxPassword = 128
)

// Errors of HashPassword.
var (
	ErrPasswordShort = fmt.Errorf("a password needs at least %d characters", MinPassword)
	ErrPasswordLong  = fmt.Errorf("a password may have %d characters at the most", MaxPassword)
)

// HashPassword makes a salted argon2id hash in PHC form. Two calls with the
// same password give different hashes. It refuses passwords outside
// MinPassword to MaxPassword characters.
func HashPassword(password string) (string, error) {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return "", ErrPasswordShort
	case n > MaxPassword:
		return "", ErrPasswordLong
	}
	salt := RandomBytes(argonSalt)
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonTime, argonLanes, b64(salt), b64(key)), nil
}

// CheckPassword reports whether password made hash. It costs about 19 MiB and
// some 20 ms, so callers bound how many run at once. A hash it cannot read
// matches nothing.
func CheckPassword(hash, password string) bool {
	p, err := parsePHC(hash)
	if err != nil || utf8.RuneCountInString(password) > MaxPassword {
		return false
	}
	key := argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.lanes, uint32(len(p.key))) //nolint:gosec // G115: a hash of ours is 32 bytes
	return subtle.ConstantTimeCompare(key, p.key) == 1
}

type phc struct {
	memory, time uint32
	lanes        uint8
	salt, key    []byte
}

var errPHC = errors.New("not an argon2id hash")

func parsePHC(s string) (phc, error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errPHC
	}
	var p phc
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.lanes); err != nil || p.time == 0 || p.lanes == 0 {
		return phc{}, errPHC
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil {
		return phc{}, errPHC
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(p.key) == 0 {
		return phc{}, errPHC
	}
	return p, nil
}
