package chat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Keyring holds the sub-keys derived from SECRET_KEY by HKDF (RFC 5869), one
// per use, so that no key serves two purposes.
type Keyring struct {
	seal  cipher.AEAD
	phone []byte
	token []byte
	check [sha256.Size]byte
}

// MinSecret is the shortest SECRET_KEY accepted, in bytes: as long as the
// keys derived from it.
const MinSecret = 32

// ErrSealed: sealed bytes that were damaged or sealed with another key.
var ErrSealed = errors.New("cannot be opened with this SECRET_KEY")

// NewKeyring derives the keys. It refuses a secret shorter than MinSecret.
func NewKeyring(secret []byte) (*Keyring, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("SECRET_KEY has %d bytes, at least %d are needed", len(secret), MinSecret)
	}
	sub := func(use string) ([]byte, error) {
		return hkdf.Key(sha256.New, secret, nil, "textme "+use, sha256.Size)
	}
	var k Keyring
	sealKey, err := sub("seal")
	if err != nil {
		return nil, err
	}
	if k.phone, err = sub("phone"); err != nil {
		return nil, err
	}
	if k.token, err = sub("token"); err != nil {
		return nil, err
	}
	check, err := sub("check")
	if err != nil {
		return nil, err
	}
	copy(k.check[:], check)
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, err
	}
	if k.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	return &k, nil
}

// CheckValue identifies the secret without telling it: a database remembers
// it and refuses a server that was started with another secret.
func (k *Keyring) CheckValue() [sha256.Size]byte { return k.check }

// Seal encrypts and authenticates plain for the given use; the same use opens
// it again. Nil stays nil.
func (k *Keyring) Seal(plain []byte, use string) []byte {
	if plain == nil {
		return nil
	}
	return k.seal.Seal(nil, nil, plain, []byte(use)) //nolint:gosec // G407: this cipher makes its own random nonce
}

// Open undoes Seal. It returns ErrSealed for bytes it did not seal for this
// use. Nil stays nil.
func (k *Keyring) Open(sealed []byte, use string) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	plain, err := k.seal.Open(nil, nil, sealed, []byte(use))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// HashPhone is the keyed hash an opt-out is kept under, so that it survives
// the erasure of the number and cannot be tried out without the key.
func (k *Keyring) HashPhone(p Phone) []byte { return mac(k.phone, string(p)) }

// signToken authenticates a form token's text.
func (k *Keyring) signToken(text string) []byte { return mac(k.token, text) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// RandomBytes returns n bytes from the system's generator, which never fails
// on the platforms Go supports.
func RandomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // documented never to return an error
	return b
}
