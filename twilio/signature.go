package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's algorithm; HMAC-SHA1 is not known to be forgeable
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// MaxWebhook is the longest webhook body accepted, in bytes. A text is 1,600
// characters, attributes are 16 KB at the most
// (https://www.twilio.com/docs/conversations-classic/conversations-limits).
const MaxWebhook = 64 << 10

// Verifier tells Twilio's webhooks from everybody else's by the
// X-Twilio-Signature header
// (https://www.twilio.com/docs/usage/security#validating-requests). It is safe
// for concurrent use. Make one with NewVerifier.
//
// A valid signature covers the URL and the form, not the time nor any header,
// and it runs names and values together: a captured webhook verifies for ever,
// and text may be moved over the edge of a value. Whoever acts on a webhook
// must know a repeated one by its natural key and insist on the shape of every
// value, as Webhooks does.
type Verifier struct {
	bases  []string // what may stand before the request target, likeliest first
	tokens [][]byte
}

// NewVerifier makes a verifier for webhooks addressed to publicURL: the address
// as it is configured at Twilio, without the path of the webhook. A path, for a
// proxy that strips it, comes before the request target. publicURL must be
// https (http on loopback only), without credentials, query or fragment. One or
// two Auth Tokens may be given, so that one can be replaced without refusing a
// webhook; see CheckAuthToken for what to ask of them. An empty token is
// refused: anyone could sign with it.
func NewVerifier(publicURL string, tokens ...string) (*Verifier, error) {
	if err := CheckPublicURL(publicURL); err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	return newVerifier(publicURL, tokens)
}

func newVerifier(base string, tokens []string) (*Verifier, error) {
	if len(tokens) == 0 || len(tokens) > 2 {
		return nil, fmt.Errorf("one or two auth tokens are needed, not %d", len(tokens))
	}
	bases, err := portVariants(strings.TrimSuffix(base, "/"))
	if err != nil {
		return nil, err
	}
	v := &Verifier{bases: bases}
	for _, t := range tokens {
		if t == "" {
			return nil, errors.New("an auth token is empty")
		}
		v.tokens = append(v.tokens, []byte(t))
	}
	return v, nil
}

// String names the address only, so that printing a verifier shows no token.
func (v *Verifier) String() string { return "verifier for " + v.bases[0] }

// CheckPublicURL reports what is wrong with an address that webhooks are to be
// sent to: it must be https (http on loopback only), without credentials,
// query or fragment.
func CheckPublicURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("it cannot be parsed")
	case u.Hostname() == "":
		return errors.New("it has no host")
	case u.User != nil:
		return errors.New("it may not hold credentials: Twilio does not sign them")
	case strings.ContainsAny(s, "?#"):
		return errors.New("it may have neither query nor fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	default:
		return errors.New("it must be https")
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// portVariants returns base as given, and with the scheme's default port added
// or removed: Twilio's products differ in whether they sign it.
func portVariants(base string) ([]string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, errors.New("public URL: it cannot be parsed")
	}
	port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
	end := strings.Index(base, "://") + len("://")
	if slash := strings.IndexByte(base[end:], '/'); slash >= 0 {
		end += slash
	} else {
		end = len(base)
	}
	switch authority, path := base[:end], base[end:]; u.Port() {
	case "":
		return []string{base, authority + port + path}, nil
	case strings.TrimPrefix(port, ":"):
		return []string{base, strings.TrimSuffix(authority, port) + path}, nil
	default:
		return []string{base}, nil
	}
}

// Verify checks one webhook: the request target as it stood in the request
// line, the untouched body, the Content-Type, and every value of
// X-Twilio-Signature, of which there must be exactly one. It returns a
// *SignatureError, which wraps chat.ErrForged, for anything that Twilio did not
// send to this address.
func (v *Verifier) Verify(requestURI string, body []byte, contentType string, signatures []string) error {
	_, err := v.verify(requestURI, body, contentType, signatures)
	return err
}

// verify is Verify; it hands out the parameters it has checked, so that nobody
// acts on another reading of the body.
func (v *Verifier) verify(requestURI string, body []byte, contentType string, signatures []string) (signed, error) {
	refuse := func(why Reason) (signed, error) {
		return signed{}, &SignatureError{Reason: why, URL: v.bases[0] + requestURI}
	}
	signature, why := readSignature(signatures)
	if why != "" {
		return refuse(why)
	}
	s, why := readSigned(requestURI, body, contentType)
	if why != "" {
		return refuse(why)
	}
	text := make([]byte, 0, len(v.bases[0])+len(":443")+len(requestURI)+len(body))
	for i, token := range v.tokens {
		mac := hmac.New(sha1.New, token)
		for _, base := range v.bases {
			text = s.appendText(append(append(text[:0], base...), requestURI...))
			mac.Write(text)
			if hmac.Equal(mac.Sum(nil), signature[:]) {
				s.token = i
				return s, nil
			}
			mac.Reset() // only now: the genuine ones need none
		}
	}
	return refuse(NoMatch)
}

// signatureEncoding refuses a last character with bits that mean nothing, so
// that one signature has one spelling.
var signatureEncoding = base64.StdEncoding.Strict()

func readSignature(values []string) (sum [sha1.Size]byte, why Reason) {
	switch {
	case len(values) == 0:
		return sum, NoSignature
	case len(values) > 1:
		return sum, ManySignatures
	case len(values[0]) != signatureEncoding.EncodedLen(len(sum)):
		return sum, NotASignature
	}
	var decoded [(sha1.Size + 2) / 3 * 3]byte
	n, err := signatureEncoding.Decode(decoded[:], []byte(values[0]))
	if err != nil || n != len(sum) {
		return sum, NotASignature
	}
	return [sha1.Size]byte(decoded[:]), ""
}

// signed is what a signature covers beside the URL.
type signed struct {
	params params // in the order of signing
	json   bool   // the body is not a form; its hash is part of the URL
	token  int    // which of the verifier's made the signature
}

func readSigned(requestURI string, body []byte, contentType string) (signed, Reason) {
	switch {
	case !strings.HasPrefix(requestURI, "/") || strings.Contains(requestURI, "#"):
		return signed{}, NotAPath
	case len(body) > MaxWebhook:
		return signed{}, TooLong
	}
	if want, ok := bodyHash(requestURI); ok {
		got := sha256.Sum256(body)
		if !hmac.Equal(got[:], want) {
			return signed{}, BodyChanged
		}
		return signed{json: true}, ""
	}
	if len(body) > 0 && !isForm(contentType) {
		return signed{}, NotAForm
	}
	p, ok := parseParams(body)
	if !ok {
		return signed{}, NotAForm
	}
	return signed{params: p}, ""
}

// bodyHash is the query's bodySHA256, which Twilio adds to the URL when the
// body is not a form. A hash that cannot be read is nil and matches no body.
func bodyHash(requestURI string) (sum []byte, ok bool) {
	_, query, _ := strings.Cut(requestURI, "?")
	for field := range strings.SplitSeq(query, "&") {
		value, found := strings.CutPrefix(field, "bodySHA256=")
		if !found {
			continue
		}
		if ok {
			return nil, true // two hashes: believe neither
		}
		ok = true
		if sum, _ = hex.DecodeString(value); len(sum) != sha256.Size {
			sum = nil
		}
	}
	return sum, ok
}

func (s signed) appendText(to []byte) []byte {
	for i, p := range s.params {
		if i > 0 && p.equal(s.params[i-1]) {
			continue // a value that is repeated counts once
		}
		to = append(append(to, p.name...), p.value...)
	}
	return to
}
