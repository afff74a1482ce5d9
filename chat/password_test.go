package chat

import (
	"errors"
	"strings"
	"testing"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	const password = "correct horse battery"
	hash, err := HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, password) {
		t.Errorf("hash %q", hash)
	}
	second, err := HashPassword(password)
	if err != nil || second == hash {
		t.Errorf("the same password has the same hash again: %v", err)
	}
	part := strings.Split(hash, "$")
	with := func(i int, s string) string {
		changed := append([]string{}, part...)
		changed[i] = s
		return strings.Join(changed, "$")
	}
	tests := map[string]struct {
		hash, password string
		want           bool
	}{
		"right":               {hash, password, true},
		"right, second hash":  {second, password, true},
		"wrong":               {hash, password + "!", false},
		"other case":          {hash, strings.ToUpper(password), false},
		"empty":               {hash, "", false},
		"cut":                 {hash, password[:len(password)-1], false},
		"too long to try":     {hash, strings.Repeat("a", MaxPassword+1), false},
		"no hash":             {"", password, false},
		"password for a hash": {password, password, false},
		"other algorithm":     {with(1, "argon2i"), password, false},
		"other version":       {with(2, "v=16"), password, false},
		"no passes":           {with(3, "m=19456,t=0,p=1"), password, false},
		"no lanes":            {with(3, "m=19456,t=2,p=0"), password, false},
		"unreadable numbers":  {with(3, "m=a,t=b,p=c"), password, false},
		"unreadable salt":     {with(4, "!"), password, false},
		"other salt":          {with(4, "AAAAAAAAAAAAAAAAAAAAAA"), password, false},
		"unreadable key":      {with(5, "!"), password, false},
		"no key":              {with(5, ""), password, false},
		"cut key":             {with(5, part[5][:40]), password, false},
		"more after it":       {hash + "$x", password, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := CheckPassword(tt.hash, tt.password); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestHashPasswordLengths(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		password string
		want     error
	}{
		"empty":                   {"", ErrPasswordShort},
		"one too short":           {strings.Repeat("a", MinPassword-1), ErrPasswordShort},
		"shortest":                {strings.Repeat("a", MinPassword), nil},
		"counted in characters":   {strings.Repeat("é", MinPassword-1), ErrPasswordShort},
		"shortest in characters":  {strings.Repeat("é", MinPassword), nil},
		"longest":                 {strings.Repeat("a", MaxPassword), nil},
		"longest in characters":   {strings.Repeat("語", MaxPassword), nil},
		"one too long":            {strings.Repeat("a", MaxPassword+1), ErrPasswordLong},
		"a whole file by mistake": {strings.Repeat("a", 1<<20), ErrPasswordLong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hash, err := HashPassword(tt.password)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if got := err == nil && CheckPassword(hash, tt.password); got != (tt.want == nil) {
				t.Errorf("the hash matches its password: %t", got)
			}
		})
	}
}
