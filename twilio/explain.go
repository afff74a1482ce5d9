package twilio

import (
	"errors"
	"net/http"
	"strings"
)

// Capture is a webhook as it was received, to be explained.
type Capture struct {
	// PublicURL is what the service is configured with. Unlike NewVerifier's it
	// may hold credentials or a fragment: they are among the mistakes.
	PublicURL string
	// RequestURI is the request target as received: path and query.
	RequestURI string
	// Header holds Content-Type and X-Twilio-Signature, and whatever else was
	// received. Host and what proxies add serve as guesses only.
	Header http.Header
	Body   []byte
	// Others are addresses that may be the one in Twilio's settings.
	Others []string
	// AccountSID is the account that the webhook should be of; "" is any.
	AccountSID string
}

// Explanation is whether a webhook is genuine and, if it is not, what its
// signature was really made for. It holds no token and no value of a parameter.
type Explanation struct {
	Valid  bool   `json:"valid"`
	Reason Reason `json:"reason,omitempty"`             // why it is not
	Match  *Match `json:"would_have_matched,omitempty"` // nil: nothing that was tried
	// Hints are what is odd about the webhook, whether anything matched or not.
	Hints []string `json:"hints,omitempty"`
	Tried int      `json:"tried"` // signatures computed for guesses
}

// Match is what a signature was made for.
type Match struct {
	// URL is the address in Twilio's settings. Of a query it has only "?…".
	URL         string       `json:"url"`
	Differences []Difference `json:"differences"` // one at least
}

// String names the mistakes and quotes only what the signature vouches for.
func (m Match) String() string {
	names := make([]string, len(m.Differences))
	for i, d := range m.Differences {
		names[i] = string(d.Mistake)
	}
	return m.URL + " (" + strings.Join(names, ", ") + ")"
}

// OtherAccount is a genuine webhook that is not for this service.
const OtherAccount Reason = "AccountSid is not our account's"

// Explain says whether the webhook is genuine for the tokens: the Auth Token
// and, if there is one, the secondary. If it is not, Explain looks for what the
// signature was made for, up to three usual mistakes at once, which takes a
// second or two when there is nothing to find. It accepts nothing: only a
// Verifier does. The errors are about the arguments: an empty token, or a URL
// that is none.
func Explain(c Capture, tokens ...string) (Explanation, error) {
	base, fragment, _ := strings.Cut(c.PublicURL, "#")
	target, more, _ := strings.Cut(c.RequestURI, "#")
	fragment += more
	ours, ok := splitURL(strings.TrimSuffix(base, "/") + target)
	if !ok || target != "" && !strings.HasPrefix(target, "/") || strings.Contains(base, "?") {
		return Explanation{}, errors.New("public URL and request target do not make a URL")
	}
	var others []webhookURL
	for _, s := range c.Others {
		u, ok := splitURL(s)
		if !ok {
			return Explanation{}, errors.New("one of the other addresses is not a URL")
		}
		others = append(others, u)
	}
	v, err := newVerifier(base, tokens)
	if err != nil {
		return Explanation{}, err
	}
	contentType, signatures := c.Header.Get("Content-Type"), c.Header.Values("X-Twilio-Signature")
	e := Explanation{Hints: c.hints()}
	err = v.Verify(target, c.Body, contentType, signatures)
	if err == nil && fragment == "" {
		return e.genuine(c, v), nil
	}
	if refused := (*SignatureError)(nil); errors.As(err, &refused) {
		e.Reason = refused.Reason
	} else {
		e.Reason = NotAPath
	}
	if len(c.Body) > MaxWebhook {
		return e, nil // none of Twilio's, whatever it was made for
	}
	_, hashed := bodyHash(target)
	find := search{
		ours:       ours,
		fragment:   fragment != "",
		body:       c.Body,
		macs:       newMACs(v.tokens),
		signatures: readSignatures(signatures),
		plain:      plainReadings(c.Body, contentType, hashed),
		readings:   thoroughReadings(c.Body),
		changes:    thorough(ours, basePath(base), c.Header, c.Body, others),
	}
	e.Match = find.run(maxTogether, maxTried)
	e.Tried = find.tried
	return e, nil
}

// basePath is the path of a public URL.
func basePath(base string) string {
	u, _ := splitURL(strings.TrimSuffix(base, "/"))
	return u.path
}

// genuine is the verdict on a webhook whose signature is right.
func (e Explanation) genuine(c Capture, v *Verifier) Explanation {
	if c.AccountSID != "" && c.account() != c.AccountSID {
		e.Reason = OtherAccount
		return e
	}
	e.Valid = true
	primary := Verifier{bases: v.bases, tokens: v.tokens[:1]}
	if primary.Verify(c.RequestURI, c.Body, c.Header.Get("Content-Type"), c.Header.Values("X-Twilio-Signature")) != nil {
		e.Hints = append(e.Hints, string(SecondaryToken)+": the signature is of the secondary one; "+advice[SecondaryToken])
	}
	return e
}

// account is the form's AccountSid, "" when it has none.
func (c Capture) account() string {
	ps, _ := parseParams(c.Body)
	r := reader{params: ps}
	return r.text("AccountSid")
}

func (c Capture) hints() (all []string) {
	_, hashed := bodyHash(c.RequestURI)
	form := isForm(c.Header.Get("Content-Type"))
	switch account := c.account(); {
	case len(c.Body) == 0:
		all = append(all, "there is no body: Twilio posts one")
	case !form && !hashed:
		all = append(all, "the body is not a form and the URL has no bodySHA256: Twilio sends none such")
	case form && account == "":
		all = append(all, "the form has no AccountSid: every webhook of Twilio's has one")
	case form && c.AccountSID != "" && account != c.AccountSID:
		all = append(all, "AccountSid is not our account's: that account's own auth token signs its webhooks")
	}
	return all
}

// The bounds of explaining a refusal, which anybody may bring about.
const (
	guesses         = 20      // signatures computed per token
	maxGuessingBody = 8 << 10 // bytes; a genuine webhook has one or two thousand
)

// explain is a cheap Explain for the log: one mistake, from a few guesses. It
// is nil when none of them is right.
func (v *Verifier) explain(requestURI string, header http.Header, body []byte) *Match {
	if len(body) > maxGuessingBody {
		return nil
	}
	return v.guess(requestURI, header, body).run(1, guesses*len(v.tokens))
}

func (v *Verifier) guess(requestURI string, header http.Header, body []byte) *search {
	ours, _ := splitURL(v.bases[0] + requestURI) // v.bases are URLs
	_, hashed := bodyHash(requestURI)
	return &search{
		ours:       ours,
		body:       body,
		macs:       newMACs(v.tokens),
		signatures: readSignatures(header.Values("X-Twilio-Signature")),
		plain:      plainReadings(body, header.Get("Content-Type"), hashed),
		readings:   likelyReadings(body),
		changes:    likely(ours, basePath(v.bases[0]), header),
	}
}
