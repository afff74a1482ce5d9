package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's algorithm; HMAC-SHA1 is not known to be forgeable
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"strings"
)

// The bounds of a search that somebody waits for: about two seconds.
const (
	maxTogether = 3
	maxTried    = 400_000
	maxHashed   = 512 << 20 // bytes
)

// search looks for the URL and the body that a signature was made for, among
// those that one mistake leads to, then two, then more.
type search struct {
	ours     webhookURL
	fragment bool // one was given, and is out of ours
	body     []byte

	macs       []hash.Hash // one for each token
	signatures []foundSignature
	plain      []reading // of the body as it stands
	readings   []reading // of what the body may have been
	changes    []change

	text   []byte // of the try, kept to be written again
	tried  int
	limit  int
	hashed int // bytes
}

func newMACs(tokens [][]byte) []hash.Hash {
	macs := make([]hash.Hash, len(tokens))
	for i, token := range tokens {
		macs[i] = hmac.New(sha1.New, token)
	}
	return macs
}

// foundSignature is a signature and what happened to its header, if anything.
type foundSignature struct {
	sum     [sha1.Size]byte
	mistake Mistake
}

// readSignatures reads every value of the header, also where something on the
// way quoted, escaped, listed or re-coded it.
func readSignatures(values []string) (all []foundSignature) {
	if sum, why := readSignature(values); why == "" {
		return []foundSignature{{sum: sum}}
	}
	for value := range strings.SplitSeq(strings.Join(values, ","), ",") {
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		sum, err := hex.DecodeString(value)
		if err != nil || len(sum) != sha1.Size {
			value = strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(value, "="))
			sum, err = base64.RawStdEncoding.DecodeString(value)
		}
		if err == nil && len(sum) == sha1.Size {
			all = append(all, foundSignature{[sha1.Size]byte(sum), HeaderDamaged})
		}
	}
	return all
}

// run tries combinations of up to together changes, one of them possibly of
// the body, until limit signatures were computed; nil when none is right.
func (s *search) run(together, limit int) *Match {
	if len(s.signatures) == 0 {
		return nil
	}
	s.limit = limit
	for n := 0; n <= together; n++ {
		for _, r := range s.plain {
			if m := s.combine(s.ours, s.changes, 0, n, r); m != nil {
				return m
			}
		}
		if n == 0 {
			continue
		}
		for _, r := range s.readings {
			if m := s.combine(s.ours, s.changes, 0, n-1, r); m != nil {
				return m
			}
		}
	}
	return nil
}

// combine tries u with every n of the changes that concern other parts of it
// than those changed already.
func (s *search) combine(u webhookURL, changes []change, changed part, n int, r reading) *Match {
	if n == 0 {
		return s.try(u, r)
	}
	for i, c := range changes {
		if c.parts&changed != 0 {
			continue
		}
		if m := s.combine(u.with(c), changes[i+1:], changed|c.parts, n-1, r); m != nil {
			return m
		}
		if s.spent() {
			return nil
		}
	}
	return nil
}

func (s *search) spent() bool { return s.tried >= s.limit || s.hashed >= maxHashed }

// try compares the signatures with those of u and r.
func (s *search) try(u webhookURL, r reading) *Match {
	s.text = s.text[:0]
	for _, part := range [...]string{u.scheme, u.user, u.host, u.port, u.path, u.query, r.text} {
		s.text = append(s.text, part...)
	}
	for i, mac := range s.macs {
		if s.spent() {
			return nil
		}
		s.tried++
		s.hashed += len(s.text)
		mac.Reset()
		mac.Write(s.text)
		var space [sha1.Size]byte
		sum := mac.Sum(space[:0])
		for _, signature := range s.signatures {
			if hmac.Equal(sum, signature.sum[:]) {
				return s.match(u, r, signature, i > 0)
			}
		}
	}
	return nil
}

// match describes what was found.
func (s *search) match(u webhookURL, r reading, signature foundSignature, secondary bool) *Match {
	m := Match{URL: u.public(), Differences: differences(u, s.ours)}
	add := func(mistakes ...Mistake) {
		for _, mistake := range mistakes {
			if mistake != "" {
				m.Differences = append(m.Differences, differ(mistake))
			}
		}
	}
	if s.fragment {
		add(FragmentInURL)
	}
	sum := sha256.Sum256(s.body)
	switch hash, hashed := bodyHash(u.query); {
	case !hashed:
		add(r.mistake)
	case !hmac.Equal(hash, sum[:]):
		add(BodyReplaced)
	}
	add(signature.mistake)
	if secondary {
		add(SecondaryToken)
	}
	return &m
}
