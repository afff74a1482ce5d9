package twilio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"

	sdk "github.com/twilio/twilio-go/client"

	"textme/chat"
)

var (
	errUnreadable = errors.New("the answer is not what was asked for")
	errBroken     = errors.New("the connection broke")
)

// pairTaken is "A binding for this participant and proxy address already exists
// in Conversation CH…" (https://www.twilio.com/docs/api/errors/50416).
const pairTaken = 50416

var holderPattern = regexp.MustCompile(`\bCH[0-9a-fA-F]{32}\b`)

// explain says what became of a call that ended in err. Twilio's own text is
// not carried along, because it may quote what was sent.
func (x *exchange) explain(op string, write bool, err error) *chat.TwilioError {
	te := &chat.TwilioError{Op: op, Status: x.status, RetryAfter: x.retryAfter}
	var rest *sdk.TwilioRestError
	if errors.As(err, &rest) && rest.Code != 0 {
		te.Code = rest.Code
		te.Err = fmt.Errorf("answer %d with code %d", x.status, rest.Code)
		te.Unknown = write && x.status >= http.StatusInternalServerError
		if rest.Code == pairTaken {
			te.Holder = chat.ConversationSID(holderPattern.FindString(rest.Message))
		}
		return te
	}
	switch {
	case x.status == 0:
		te.Err = x.quiet(err)
		te.Unknown = write && x.sent.Load()
	case x.status < http.StatusBadRequest:
		te.Err = x.quiet(err)
		te.Unknown = true
	default:
		te.Err = fmt.Errorf("answer %d without a code", x.status)
		te.Unknown = write && x.status >= http.StatusInternalServerError || vague(x.status)
	}
	return te
}

// vague reports whether a refusal without a code might be anybody's, such as a
// proxy's 404: nothing may be concluded from it.
func vague(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	default:
		return status < http.StatusInternalServerError
	}
}

// quiet is err without what it may quote: the URL with a number in its query,
// or bytes of the answer.
func (x *exchange) quiet(err error) error {
	if cause := x.ctx.Err(); cause != nil {
		return fmt.Errorf("no answer in time: %w", cause)
	}
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &network):
		return network
	case errors.As(err, &certificate):
		return certificate
	}
	for _, known := range []error{errUnreadable, errRedirect, errTooLong, errElsewhere, context.Canceled, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	if x.status != 0 {
		return errUnreadable
	}
	return errBroken
}

// refused is a call that is not made because Twilio would misread it.
func refused(op, why string) error {
	return &chat.TwilioError{Op: op, Status: http.StatusBadRequest, Err: errors.New(why)}
}
