package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/forms"
	"textme/templates"
)

// signupStore records sign-ups. Recording the same submission again changes
// nothing and says so; the answer to the visitor is the same.
type signupStore interface {
	RecordSignup(ctx context.Context, s chat.Signup) (chat.Recorded, error)
}

// signups is the door for visitors: our own pages, and websites with a form of
// their own.
type signups struct {
	sources sourceStore
	store   signupStore
	pages   *pages
	own     string // our origin
	max     int64
	now     func() time.Time
	log     *slog.Logger
}

// submit takes one sign-up.
func (d *signups) submit(c echo.Context) error {
	c.Response().Header().Add(echo.HeaderVary, echo.HeaderOrigin)
	raw, fields, err := readForm(c, d.max)
	if err != nil {
		return err
	}
	defer within(c, recordWithin)()
	s, err := d.source(c, fields)
	if err != nil {
		return err
	}
	proof, err := checkOrigin(c.Request(), s, d.own)
	if err != nil {
		return err
	}
	allowOrigin(c)

	e := entry{source: s, fields: fields, verifiedBy: proof}
	if e.ours() {
		if e.trapped() {
			d.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "honeypot filled", slog.String("source", s.Key))
			return d.accepted(c, s)
		}
		if !e.readToken(d.pages) {
			return d.again(c, e)
		}
	} else if e.dedupeKey, err = idempotencyKey(c.Request()); err != nil {
		return err
	}
	if err := e.read(); err != nil {
		return err
	}
	if len(e.errs) > 0 {
		return d.again(c, e)
	}
	return d.record(c, e, raw)
}

// source is the one in the path, else the one in the body, else the default.
func (d *signups) source(c echo.Context, fields forms.Fields) (chat.Source, error) {
	key := c.Param("source")
	if key == "" {
		var err error
		if key, err = value(fields, "source"); err != nil {
			return chat.Source{}, errSourceTwice
		}
	}
	return visitorSource(c.Request().Context(), d.sources, key)
}

// record hands the sign-up to the store. When the store is away a form is
// shown again with all that was typed and with the same token: should the
// first try have been recorded after all, the second is the same sign-up.
func (d *signups) record(c echo.Context, e entry, raw []byte) error {
	recorded, err := d.store.RecordSignup(c.Request().Context(), e.signup(c, raw, d.now().UTC()))
	if errors.Is(err, chat.ErrUnavailable) && !wantsJSON(c.Request()) {
		d.log.LogAttrs(c.Request().Context(), slog.LevelError, "sign-up not recorded", slog.Any("err", err))
		setRetryAfter(c, unavailableFor)
		page := e.page()
		page.Notice = "We could not save this just now. Please send it again in a minute."
		if page.FormToken = e.token; e.token == "" {
			page.FormToken = d.pages.newToken(e.source)
		}
		return d.pages.showForm(c, http.StatusServiceUnavailable, e.source, page)
	}
	if err != nil {
		return err
	}
	logRecorded(c.Request().Context(), d.log, e.source, recorded)
	return d.accepted(c, e.source)
}

func logRecorded(ctx context.Context, log *slog.Logger, s chat.Source, recorded chat.Recorded) {
	log.LogAttrs(ctx, slog.LevelInfo, "sign-up recorded",
		slog.String("source", s.Key),
		slog.String("signup_id", recorded.SignupID.String()),
		slog.String("conversation_id", recorded.ConversationID.String()),
		slog.Bool("duplicate", recorded.Duplicate))
}

// accepted is the one answer to every well-formed sign-up, whoever the number
// belongs to and whatever becomes of it.
func (d *signups) accepted(c echo.Context, s chat.Source) error {
	if wantsJSON(c.Request()) {
		return c.JSON(http.StatusAccepted, statusAccepted)
	}
	if target := thanksURL(s); target != nil {
		return c.Redirect(http.StatusSeeOther, target.String())
	}
	return c.Redirect(http.StatusSeeOther, publicSource(s).SignupPath()+"/thanks")
}

// statusAccepted is the JSON of every accepted submission.
var statusAccepted = struct {
	Status string `json:"status"`
}{"accepted"}

// again says what to mend: the form with a new token, or a list.
func (d *signups) again(c echo.Context, e entry) error {
	if wantsJSON(c.Request()) {
		return c.JSON(http.StatusUnprocessableEntity, errorList{Errors: e.errs})
	}
	page := e.page()
	page.FormToken = d.pages.newToken(e.source)
	return d.pages.showForm(c, http.StatusUnprocessableEntity, e.source, page)
}

// preflight answers a browser that asks before posting JSON from another
// origin. It cannot see a source named in the body, so POST /signup is
// answered for the default source.
func (d *signups) preflight(c echo.Context) error {
	h := c.Response().Header()
	h.Add(echo.HeaderVary, echo.HeaderOrigin)
	s, err := visitorSource(c.Request().Context(), d.sources, c.Param("source"))
	if err != nil {
		return err
	}
	if _, err := checkOrigin(c.Request(), s, d.own); err != nil {
		return err
	}
	allowOrigin(c)
	h.Set(echo.HeaderAccessControlAllowMethods, http.MethodPost)
	h.Set(echo.HeaderAccessControlAllowHeaders, "Content-Type, Idempotency-Key")
	h.Set(echo.HeaderAccessControlMaxAge, "600")
	return c.NoContent(http.StatusNoContent)
}

// signupErrors sorts the errors to the fields of the page; what has no place
// there becomes the notice above it.
func signupErrors(errs []fieldError) (fields templates.SignupErrors, notice string) {
	for _, e := range errs {
		switch e.Field {
		case templates.PhoneField:
			fields.Phone = e.Message
		case templates.NameField:
			fields.Name = e.Message
		case templates.ConsentField:
			fields.Consent = e.Message
		default:
			notice = e.Message
		}
	}
	return fields, notice
}
