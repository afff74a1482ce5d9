package chat

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestFormToken(t *testing.T) {
	t.Parallel()
	k := keyring(t, oneSecret)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	token := k.NewFormToken("shop", at)
	// A token whose time says it is fresh, signed with the old signature.
	part := strings.Split(token, ".")
	redated := strings.Join([]string{part[0], "zzzzzz", part[2], part[3]}, ".")
	// A token signed properly over nonsense, as a bug of ours might make it.
	signed := func(text string) string {
		return text + "." + base64.RawURLEncoding.EncodeToString(k.signToken(text))
	}
	tests := map[string]struct {
		token, source string
		now           time.Time
		want          error
	}{
		"at once":               {token, "shop", at, nil},
		"in the last second":    {token, "shop", at.Add(FormTokenLife), nil},
		"clocks apart":          {token, "shop", at.Add(-time.Minute), nil},
		"expired":               {token, "shop", at.Add(FormTokenLife + time.Second), ErrFormTokenExpired},
		"from the future":       {token, "shop", at.Add(-time.Minute - time.Second), ErrFormTokenExpired},
		"other source":          {token, "other", at, ErrFormToken},
		"longer source":         {token, "shop.x", at, ErrFormToken},
		"other secret":          {keyring(t, anotherSecret).NewFormToken("shop", at), "shop", at, ErrFormToken},
		"other time":            {redated, "shop", at, ErrFormToken},
		"no signature":          {strings.Join(part[:3], "."), "shop", at, ErrFormToken},
		"empty signature":       {strings.Join(part[:3], ".") + ".", "shop", at, ErrFormToken},
		"changed ID":            {"x" + token, "shop", at, ErrFormToken},
		"more after it":         {token + "x", "shop", at, ErrFormToken},
		"empty":                 {"", "shop", at, ErrFormToken},
		"dots":                  {"...", "shop", at, ErrFormToken},
		"longer than any token": {strings.Repeat("a", 1<<16) + "." + token, "shop", at, ErrFormToken},
		"signed, no time":       {signed("id.!.shop"), "shop", at, ErrFormToken},
		"signed, too few parts": {signed("id.shop"), "shop", at, ErrFormToken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := k.ReadFormToken(tt.token, tt.source, tt.now)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if want := part[0]; err == nil && id != want {
				t.Errorf("ID %q, want %q", id, want)
			} else if err != nil && id != "" {
				t.Errorf("a refused token has ID %q", id)
			}
		})
	}
}

func TestFormTokensOfLongSources(t *testing.T) {
	t.Parallel()
	k := keyring(t, oneSecret)
	longest := strings.Repeat("s", 63)
	if !ValidSourceKey(longest) || ValidSourceKey(longest+"s") {
		t.Fatal("63 is not the longest key of a source")
	}
	now := time.Now()
	if _, err := k.ReadFormToken(k.NewFormToken(longest, now), longest, now); err != nil {
		t.Errorf("the longest source's token: %v", err)
	}
}

func TestEveryFormTokenHasItsOwnID(t *testing.T) {
	t.Parallel()
	k := keyring(t, oneSecret)
	now := time.Now()
	seen := map[string]bool{}
	for range 100 {
		id, err := k.ReadFormToken(k.NewFormToken("shop", now), "shop", now)
		if err != nil || seen[id] {
			t.Fatalf("ID %q, %v: want a new one", id, err)
		}
		seen[id] = true
	}
}
