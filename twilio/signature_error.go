package twilio

import "textme/chat"

// Reason is why a webhook was refused, in words for the operator.
type Reason string

// The reasons. All but NoMatch mean that the request is not shaped like one of
// Twilio's; NoMatch is what a wrong token, a wrong public URL or a forger leads to.
const (
	NoSignature    Reason = "there is no X-Twilio-Signature header"
	ManySignatures Reason = "there is more than one X-Twilio-Signature header"
	NotASignature  Reason = "X-Twilio-Signature is not 20 bytes in base64"
	NotAPath       Reason = "the request target is not a path"
	TooLong        Reason = "the body is too long"
	NotAForm       Reason = "the body is not a URL-encoded form"
	BodyChanged    Reason = "the body is not the one bodySHA256 was made of"
	NoMatch        Reason = "no auth token of ours gives this signature for this URL and body"
)

// SignatureError is a webhook that Twilio did not send to this address. It
// wraps chat.ErrForged.
type SignatureError struct {
	Reason Reason
	// URL is the one the signature was compared for. It holds the request
	// target, which anyone may have chosen; Error leaves it out.
	URL string
	// Match is what the signature was really made for, if a few guesses hit
	// upon it; nil if not. It explains a mistake, and excuses none.
	Match *Match
}

// Error says why, with nothing of the token or the signature, and of the
// request nothing but an address that the signature turned out to be made for.
func (e *SignatureError) Error() string {
	s := "webhook refused: " + string(e.Reason)
	if e.Match != nil {
		s += "; would have matched: " + e.Match.String()
	}
	return s
}

// Unwrap makes errors.Is(err, chat.ErrForged) true.
func (e *SignatureError) Unwrap() error { return chat.ErrForged }
