package forms_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"textme/forms"
)

func TestGenerateSecret(t *testing.T) {
	t.Parallel()
	first, second := forms.GenerateSecret(), forms.GenerateSecret()
	if first == second {
		t.Error("two secrets are equal")
	}
	if key := secret(t, first); len(key) != 32 {
		t.Errorf("key of %d bytes, want 32", len(key))
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	encode := func(key string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) }
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"published", vectorSecret, true},
		{"24 bytes", encode(letters[:24]), true},
		{"64 bytes", encode(letters[:64]), true},
		{"white space around", " " + vectorSecret + "\n", true},
		{"empty", "", false},
		{"only the prefix", "whsec_", false},
		{"no prefix", strings.TrimPrefix(vectorSecret, "whsec_"), false},
		{"other case of the prefix", "WHSEC_" + strings.TrimPrefix(vectorSecret, "whsec_"), false},
		{"23 bytes", encode(letters[:23]), false},
		{"65 bytes", encode(letters[:65]), false},
		{"not base64", "whsec_" + strings.Repeat("!", 32), false},
		{"URL base64", "whsec_" + strings.Repeat("-_ab", 8), false},
		{"line break inside", vectorSecret[:20] + "\n" + vectorSecret[20:], false},
		{"placeholder", encode(strings.Repeat("changeme", 4)), false},
		{"zeros", encode(strings.Repeat("\x00", 32)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := forms.ParseSecret(tt.text)
			if tt.ok {
				if err != nil || len(key) < 24 {
					t.Errorf("ParseSecret = %d bytes, %v, want a key", len(key), err)
				}
				return
			}
			if !errors.Is(err, forms.ErrSecret) || key != nil {
				t.Fatalf("ParseSecret = %d bytes, %v, want ErrSecret", len(key), err)
			}
			if encoded := strings.TrimPrefix(tt.text, "whsec_"); encoded != "" && strings.Contains(err.Error(), encoded) {
				t.Errorf("error %q shows the secret", err)
			}
		})
	}
}
