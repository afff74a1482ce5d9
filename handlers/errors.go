package handlers

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/forms"
	"textme/templates"
)

// What can be wrong with a request itself.
var (
	errUnparseable = errors.New("request cannot be read")
	errSourceTwice = errors.New("more than one source named")
	errOrigin      = errors.New("origin not allowed for this source")
	errOriginNull  = errors.New("origin is null")
	errCrossOrigin = errors.New("cross-origin request")
	errCSRFToken   = errors.New("csrf token does not match")
	errIdempotency = errors.New("malformed idempotency key")
	errStale       = errors.New("signature out of its time window")
	errEncodedBody = errors.New("content-encoding is not accepted")
	errTooMany     = errors.New("too many requests")
	errBusy        = errors.New("all password checks are busy")
	errPanic       = errors.New("handler panicked")
)

// problem is what a stranger may know about a request that went wrong.
type problem struct {
	status        int
	title, advice string
}

// problems is the one table from error to answer; the first match counts, and
// what is not in it is internal.
var problems = []struct {
	err error
	problem
}{
	{echo.ErrNotFound, notFound},
	{chat.ErrNotFound, notFound},
	{echo.ErrMethodNotAllowed, problem{405, "This address cannot be used this way", "Go back and use the form or the link."}},
	{errUnparseable, problem{400, "We could not read that", "Go back, check the form and send it again."}},
	{forms.ErrMalformed, problem{400, "We could not read that", "Go back, check the form and send it again."}},
	{errIdempotency, problem{400, "We could not read that", "Send one Idempotency-Key of 1 to 200 printable ASCII characters, or none."}},
	{errStale, problem{401, "This request is too old", "Check the sender's clock; a signature is valid for five minutes."}},
	{errOrigin, problem{403, "This website may not use this form yet", "If it is your website, add its origin, such as https://www.example.com, to the origins of the source."}},
	{errOriginNull, problem{403, "The page with this form does not say where it is from", "Serve it from a website, not from a file or a sandboxed frame, and not with the referrer policy no-referrer."}},
	{errCrossOrigin, problem{403, "This request came from another website", "Nothing was changed. Open the page here and try again."}},
	{errCSRFToken, problem{403, "This page is no longer valid", "Nothing was changed. Load the page again and repeat the step."}},
	{chat.ErrForged, problem{403, "Forbidden", ""}},
	{forms.ErrTooLarge, problem{413, "That is too much text", "Shorten what you typed and send it again."}},
	{forms.ErrMediaType, problem{415, "This kind of content is not accepted", "Send a form, or JSON as application/json, in UTF-8."}},
	{errEncodedBody, problem{415, "Compressed content is not accepted", "Send the body without Content-Encoding."}},
	{errSourceTwice, problem{422, "The source was named more than once", "Send one source."}},
	{errTooMany, problem{429, "Too many requests from your network", "Please wait a moment and send it again."}},
	{chat.ErrUnavailable, unavailable},
	{errBusy, unavailable},
	{context.DeadlineExceeded, unavailable},
	{context.Canceled, unavailable},
}

var (
	notFound    = problem{404, "There is nothing here", "Check the address, or go back to where you came from."}
	unavailable = problem{503, "We cannot do that right now", "Please try again in a minute."}
	internal    = problem{500, "Something went wrong on our side", "Please try again. If it happens again, tell us the number below."}
)

// explain finds what may be said about err.
func explain(err error) problem {
	for _, row := range problems {
		if errors.Is(err, row.err) {
			return row.problem
		}
	}
	return internal
}

// unavailableFor is how long a caller is asked to wait when the database is
// away: about as long as a restart takes.
const unavailableFor = 5 * time.Second

// tooManyError is errTooMany with the time after which the next request passes.
type tooManyError struct{ wait time.Duration }

func (tooManyError) Error() string { return errTooMany.Error() }
func (tooManyError) Unwrap() error { return errTooMany }

// setRetryAfter names the wait in whole seconds, at least one.
func setRetryAfter(c echo.Context, wait time.Duration) {
	c.Response().Header().Set("Retry-After", seconds(wait))
}

func seconds(wait time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
}

// failures answers the errors that handlers return.
type failures struct {
	who  map[string]Caller // by route path
	view *view
	log  *slog.Logger
}

// answer is the only place where an error becomes a response.
func (f *failures) answer(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := explain(err)
	var limited tooManyError
	switch {
	case errors.As(err, &limited):
		setRetryAfter(c, limited.wait)
	case p.status == http.StatusServiceUnavailable:
		setRetryAfter(c, unavailableFor)
	}
	if err := f.write(c, p); err != nil {
		f.log.LogAttrs(c.Request().Context(), slog.LevelWarn, "answer not written", slog.Any("err", err))
	}
}

// write puts the problem in the form its caller understands.
func (f *failures) write(c echo.Context, p problem) error {
	switch f.who[c.Path()] {
	case Twilio:
		return c.NoContent(p.status)
	case FormServer:
		return writeErrors(c, p)
	case Probe:
		return c.String(p.status, p.title+"\n")
	case Staff:
		failure := failureOf(c, p)
		if s, ok := sessionOf(c); ok {
			return f.view.html(c, p.status, templates.AdminErrorPage{Admin: f.view.admin(c, s), Failure: failure})
		}
		return f.view.html(c, p.status, templates.ErrorPage{Failure: failure})
	default:
		if wantsJSON(c.Request()) {
			return writeErrors(c, p)
		}
		return f.view.html(c, p.status, templates.ErrorPage{Failure: failureOf(c, p)})
	}
}

func failureOf(c echo.Context, p problem) templates.Failure {
	return templates.Failure{Status: p.status, Title: p.title, Advice: p.advice, RequestID: requestID(c)}
}

// errorList is the JSON of every answer that is not the one asked for.
type errorList struct {
	Status    string       `json:"status,omitempty"`
	Errors    []fieldError `json:"errors"`
	RequestID string       `json:"request_id,omitempty"`
}

// fieldError is one thing to mend; Field is empty when no field is to blame.
type fieldError struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func writeErrors(c echo.Context, p problem) error {
	message := strings.TrimSpace(p.title + ". " + p.advice)
	list := errorList{Errors: []fieldError{{Message: message}}}
	// A form vendor's 404 must be the same bytes whatever was wrong.
	if p.status != http.StatusNotFound {
		list.RequestID = requestID(c)
	}
	return c.JSON(p.status, list)
}

// wantsJSON reports whether the caller is a script rather than a browser
// following a form.
func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "text/html") {
		return false
	}
	return strings.Contains(accept, "application/json") || strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}
