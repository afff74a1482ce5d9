package twilio

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// minToken is the shortest Auth Token believed, in characters. Twilio's have 32.
const minToken = 24

var tokenPattern = regexp.MustCompile(`^[a-zA-Z0-9]+$`)

// placeholders are words that stand in examples of settings and in no token.
var placeholders = []string{"token", "your", "secret", "change", "example", "placeholder"}

// CheckAuthToken reports what is wrong with a token that cannot be real: empty,
// short, copied from an example, or one character over and over. Whoever
// guesses the token can forge every webhook, so a server must not start with
// such a one. The error never quotes the token.
func CheckAuthToken(token string) error {
	switch {
	case token == "":
		return errors.New("the auth token is empty")
	case len(token) < minToken:
		return fmt.Errorf("the auth token has %d characters, Twilio's have 32", len(token))
	case !tokenPattern.MatchString(token):
		return errors.New("the auth token holds characters other than letters and digits")
	case strings.Count(token, token[:1]) == len(token):
		return errors.New("the auth token is one character over and over")
	}
	for _, word := range placeholders {
		if strings.Contains(strings.ToLower(token), word) {
			return errors.New("the auth token is a placeholder")
		}
	}
	return nil
}
