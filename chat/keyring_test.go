package chat

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func keyring(t *testing.T, secret string) *Keyring {
	t.Helper()
	k, err := NewKeyring([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var (
	oneSecret     = strings.Repeat("a", MinSecret)
	anotherSecret = strings.Repeat("b", MinSecret)
)

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	k := keyring(t, oneSecret)
	for _, plain := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("long "), 10000)} {
		sealed := k.Seal(plain, "use")
		if len(plain) > 8 && bytes.Contains(sealed, plain) { // shorter ones occur by chance
			t.Error("the sealed bytes hold the plain ones")
		}
		if bytes.Equal(sealed, k.Seal(plain, "use")) {
			t.Error("sealing twice gives the same bytes")
		}
		got, err := keyring(t, oneSecret).Open(sealed, "use")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("opened %q, %v, want %q", got, err, plain)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	k := keyring(t, oneSecret)
	sealed := k.Seal([]byte("plain"), "use")
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	tests := map[string]struct {
		k      *Keyring
		sealed []byte
		use    string
	}{
		"other use":    {k, sealed, "another use"},
		"no use":       {k, sealed, ""},
		"other secret": {keyring(t, anotherSecret), sealed, "use"},
		"flipped bit":  {k, flipped, "use"},
		"cut":          {k, sealed[:len(sealed)-1], "use"},
		"nonce only":   {k, sealed[:12], "use"},
		"one byte":     {k, sealed[:1], "use"},
		"empty":        {k, []byte{}, "use"},
	}
	for name, tt := range tests {
		if got, err := tt.k.Open(tt.sealed, tt.use); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: got %q, %v, want ErrSealed", name, got, err)
		}
	}
}

func TestNilStaysNil(t *testing.T) {
	t.Parallel()
	k := keyring(t, oneSecret)
	if got := k.Seal(nil, "use"); got != nil {
		t.Errorf("sealed nil to %q", got)
	}
	if got, err := k.Open(nil, "use"); got != nil || err != nil {
		t.Errorf("opened nil to %q, %v", got, err)
	}
}

func TestKeyringTellsSecretsApart(t *testing.T) {
	t.Parallel()
	one, same, other := keyring(t, oneSecret), keyring(t, oneSecret), keyring(t, anotherSecret)
	const p = Phone("+14155552671")
	if one.CheckValue() != same.CheckValue() || one.CheckValue() == other.CheckValue() {
		t.Error("the check value does not identify the secret")
	}
	if !bytes.Equal(one.HashPhone(p), same.HashPhone(p)) || bytes.Equal(one.HashPhone(p), other.HashPhone(p)) {
		t.Error("the phone's hash does not depend on the secret alone")
	}
	if bytes.Equal(one.HashPhone(p), one.HashPhone("+14155552672")) {
		t.Error("two phones have one hash")
	}
	if bytes.Equal(one.HashPhone(p), one.signToken(string(p))) {
		t.Error("one key serves two purposes")
	}
}

func TestNewKeyringRefusesShortSecrets(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", oneSecret[1:]} {
		k, err := NewKeyring([]byte(secret))
		if err == nil || k != nil {
			t.Errorf("%d bytes are accepted", len(secret))
		} else if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%q tells the secret", err)
		}
	}
}
