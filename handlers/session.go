package handlers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/forms"
	"textme/templates"
)

// sessionStore keeps sessions. SessionByToken counts as a use and returns
// chat.ErrNotFound for one that is idle too long, expired, ended, or of a
// disabled admin. Ending one that is not there is no error.
type sessionStore interface {
	StartSession(ctx context.Context, s chat.Session) error
	SessionByToken(ctx context.Context, tokenHash []byte, now time.Time) (chat.Session, error)
	EndSession(ctx context.Context, tokenHash []byte) error
}

// sessions ties browsers to signed-in staff by a cookie with a random token,
// of which the store knows the hash only.
type sessions struct {
	store  sessionStore
	now    func() time.Time
	secure bool // the service is reached by https
}

// session is the signed-in admin of a request.
type session struct {
	chat.Session
	csrfToken string
}

const (
	sessionBytes = 32
	sessionKey   = "session" // in the context of a request
	formKey      = "form"    // likewise, the fields of a post
	maxAdminForm = 16 << 10  // bytes
)

// csrfField is the field of every form for staff that carries the token.
const csrfField = "csrf_token"

// cookieName has the prefix that ties a cookie to this very host, where the
// browser accepts it: on https (RFC 6265bis, section 4.1.3.2).
func cookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

func newCookie(name, value string, secure bool, life time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is off for http only, as on a developer's machine
		Name: cookieName(name, secure), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// guard lets signed-in staff through to next, everybody else to the sign-in
// page. A post must carry the session's CSRF token; its fields are read here
// and found again by formOf.
func (s *sessions) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		current, err := s.identify(c)
		if err != nil {
			return orSignIn(c, err)
		}
		if c.Request().Method == http.MethodPost {
			_, fields, err := readForm(c, maxAdminForm)
			if err != nil {
				return err
			}
			if token, err := value(fields, csrfField); err != nil || !hmac.Equal([]byte(token), []byte(current.csrfToken)) {
				return errCSRFToken
			}
			c.Set(formKey, fields)
		}
		return next(c)
	}
}

// guardScript is guard for calls of a page's script, which knows no CSRF token.
// In its stead the caller has to say where it comes from, which sameOrigin has
// found to be here: browsers do with every call that changes something.
func (s *sessions) guardScript(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if _, err := s.identify(c); err != nil {
			return orSignIn(c, err)
		}
		if h := c.Request().Header; h.Get("Sec-Fetch-Site") != "same-origin" && h.Get("Origin") == "" {
			return errCrossOrigin
		}
		return next(c)
	}
}

// identify finds the session of a request for those who handle it; sessionOf
// finds it again. It asks the database first, and where that has no connection for
// staff they are told soon, not only when the whole answer has taken too long.
func (s *sessions) identify(c echo.Context) (session, error) {
	defer within(c, recordWithin)()
	current, err := s.current(c)
	if err == nil {
		c.Set(sessionKey, current)
	}
	return current, err
}

// orSignIn leads to the sign-in page those who have no session.
func orSignIn(c echo.Context, err error) error {
	if errors.Is(err, chat.ErrNotFound) {
		return c.Redirect(http.StatusSeeOther, signinPath(c.Request()))
	}
	return err
}

// signinPath leads back to the page that was asked for.
func signinPath(r *http.Request) string {
	if r.Method != http.MethodGet {
		return templates.SigninPath
	}
	return templates.SigninPath + "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
}

// sessionOf is the session that a guard found for this request.
func sessionOf(c echo.Context) (session, bool) {
	s, ok := c.Get(sessionKey).(session)
	return s, ok
}

// formOf are the fields of the post that guard let through.
func formOf(c echo.Context) forms.Fields {
	fields, _ := c.Get(formKey).(forms.Fields)
	return fields
}

// start makes a new session for admin and gives the browser its cookie. A
// session the browser had before ends, so that a token planted before signing
// in is worth nothing afterwards.
func (s *sessions) start(c echo.Context, admin chat.Admin) error {
	if err := s.end(c); err != nil {
		return err
	}
	token := chat.RandomBytes(sessionBytes)
	now := s.now().UTC()
	err := s.store.StartSession(c.Request().Context(), chat.Session{
		TokenHash: hashOf(token), Admin: admin, CreatedAt: now, ExpiresAt: now.Add(chat.SessionLife),
	})
	if err != nil {
		return err
	}
	c.SetCookie(newCookie("textme", base64.RawURLEncoding.EncodeToString(token), s.secure, chat.SessionLife))
	return nil
}

// current is the browser's session, chat.ErrNotFound if it has none.
func (s *sessions) current(c echo.Context) (session, error) {
	token, ok := s.token(c)
	if !ok {
		return session{}, chat.ErrNotFound
	}
	stored, err := s.store.SessionByToken(c.Request().Context(), hashOf(token), s.now().UTC())
	if err != nil {
		return session{}, err
	}
	return session{Session: stored, csrfToken: csrfToken(token)}, nil
}

// end ends the browser's session, if it has one.
func (s *sessions) end(c echo.Context) error {
	token, ok := s.token(c)
	if !ok {
		return nil
	}
	return s.store.EndSession(c.Request().Context(), hashOf(token))
}

// forget makes the browser drop its cookie.
func (s *sessions) forget(c echo.Context) {
	c.SetCookie(newCookie("textme", "", s.secure, -time.Second))
}

// token is the one the browser presents.
func (s *sessions) token(c echo.Context) ([]byte, bool) {
	cookie, err := c.Cookie(cookieName("textme", s.secure))
	if err != nil {
		return nil, false
	}
	token, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	return token, err == nil && len(token) == sessionBytes
}

func hashOf(token []byte) []byte {
	sum := sha256.Sum256(token)
	return sum[:]
}

// csrfToken follows from the session's token, which pages cannot read, so that
// nothing more has to be stored.
func csrfToken(token []byte) string {
	mac := hmac.New(sha256.New, token)
	mac.Write([]byte("csrf"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
