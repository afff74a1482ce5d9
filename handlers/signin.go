package handlers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/forms"
	"textme/templates"
)

// adminStore finds who may sign in, disabled ones included.
type adminStore interface {
	AdminByUsername(ctx context.Context, username string) (chat.Admin, error)
}

// auditLog remembers who did what.
type auditLog interface {
	Audit(ctx context.Context, entry chat.AuditEntry) error
}

// What staff do, as the audit log calls it.
const (
	actSignIn        = "sign-in"
	actSignInRefused = "sign-in-refused"
	actSignOut       = "sign-out"
	actReveal        = "reveal-phone"
	actTryAgain      = "try-again"
)

// signin lets staff in and out. Unknown users, disabled ones and wrong
// passwords get the same answer after the same work.
type signin struct {
	admins   adminStore
	audit    auditLog
	sessions *sessions
	devices  *devices
	throttle *throttle
	view     *view
	decoy    string        // hash checked where there is no admin
	checking chan struct{} // holds one element for each password being checked
}

const (
	// passwordChecks is how many run at once; each costs 19 MiB and a core.
	passwordChecks = 2
	// passwordWait is how long an attempt waits for its turn.
	passwordWait = 5 * time.Second
)

func newSignin(cfg Config, view *view, sessions *sessions) (*signin, error) {
	const decoyBytes = chat.MinPassword
	decoy, err := chat.HashPassword(hex.EncodeToString(chat.RandomBytes(decoyBytes)))
	if err != nil {
		return nil, fmt.Errorf("hash decoy password: %w", err)
	}
	return &signin{
		admins: cfg.Staff, audit: cfg.Staff, sessions: sessions, view: view, decoy: decoy,
		devices:  &devices{keys: cfg.Keyring, now: cfg.Now, secure: sessions.secure},
		throttle: newThrottle(cfg.Now),
		checking: make(chan struct{}, passwordChecks),
	}, nil
}

// page shows the form, or goes on if the browser is signed in already.
func (s *signin) page(c echo.Context) error {
	next := nextPath(c.QueryParam("next"))
	switch _, err := s.sessions.current(c); {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, next)
	case !errors.Is(err, chat.ErrNotFound):
		return err
	}
	return s.view.html(c, http.StatusOK, templates.SigninPage{Next: next})
}

// submit checks a username and a password.
func (s *signin) submit(c echo.Context) error {
	_, fields, err := readForm(c, maxAdminForm)
	if err != nil {
		return err
	}
	username, password, next, err := credentials(fields)
	if err != nil {
		return err
	}
	page := templates.SigninPage{Username: username, Next: next}
	account, network := s.devices.bucketFor(c, username), addressBucket(c)
	if wait := s.take(account, network); wait > 0 {
		setRetryAfter(c, wait)
		page.Error = "Too many attempts. Try again in " + seconds(wait) + " seconds."
		return s.view.html(c, http.StatusTooManyRequests, page)
	}
	admin, ok, err := s.check(c.Request().Context(), username, password)
	if err != nil {
		return err
	}
	if !ok {
		if err := s.note(c, admin, actSignInRefused); err != nil {
			return err
		}
		page.Error = "That username and password do not match."
		return s.view.html(c, http.StatusUnprocessableEntity, page)
	}
	if err := s.note(c, admin, actSignIn); err != nil {
		return err
	}
	if err := s.sessions.start(c, admin); err != nil {
		return err
	}
	s.throttle.succeed(account, network)
	s.devices.remember(c, username)
	return c.Redirect(http.StatusSeeOther, next)
}

// signOut ends the session for good.
func (s *signin) signOut(c echo.Context) error {
	current, _ := sessionOf(c)
	if err := s.sessions.end(c); err != nil {
		return err
	}
	s.sessions.forget(c)
	if err := s.note(c, current.Admin, actSignOut); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, templates.SigninPath)
}

// check finds the admin and compares the password, both or neither. The admin
// is returned even if it is not let in.
func (s *signin) check(ctx context.Context, username, password string) (admin chat.Admin, ok bool, err error) {
	hash := s.decoy
	admin, err = s.admins.AdminByUsername(ctx, username)
	switch {
	case err == nil:
		hash = admin.PasswordHash
	case !errors.Is(err, chat.ErrNotFound):
		return chat.Admin{}, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, passwordWait)
	defer cancel()
	select {
	case s.checking <- struct{}{}:
		defer func() { <-s.checking }()
	case <-ctx.Done():
		return chat.Admin{}, false, errBusy
	}
	match := chat.CheckPassword(hash, password)
	return admin, match && admin.Username != "" && !admin.Disabled, nil
}

// note writes to the audit log. The name of somebody unknown is not kept: it
// may be a password typed into the wrong field.
func (s *signin) note(c echo.Context, admin chat.Admin, action string) error {
	entry := chat.AuditEntry{Actor: "unknown", Action: action, IP: clientIP(c)}
	if admin.Username != "" {
		entry.Actor, entry.Subject = actorOf(admin), admin.ID.String()
	}
	return s.audit.Audit(c.Request().Context(), entry)
}

func actorOf(admin chat.Admin) string { return "admin:" + admin.Username }

// take counts the attempt for the account and, if it has one, for the network.
func (s *signin) take(account, network bucket) time.Duration {
	if network.name == "" {
		return s.throttle.take(account)
	}
	return s.throttle.take(account, network)
}

// addressBucket has no name for an address that is not counted.
func addressBucket(c echo.Context) bucket {
	network, counted := networkOf(clientIP(c))
	if !counted {
		return bucket{kind: byAddress}
	}
	return bucket{byAddress, network.String()}
}

func credentials(fields forms.Fields) (username, password, next string, err error) {
	for _, field := range []struct {
		name string
		into *string
	}{{"username", &username}, {"password", &password}, {"next", &next}} {
		if *field.into, err = value(fields, field.name); err != nil {
			return "", "", "", fmt.Errorf("%w: %s: %w", errUnparseable, field.name, err)
		}
	}
	return username, password, nextPath(next), nil
}

// nextPath is where to go after signing in: a page of the conversations, and
// never another site.
func nextPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" ||
		u.Path != templates.ConversationsPath && !strings.HasPrefix(u.Path, templates.ConversationsPath+"/") {
		return templates.ConversationsPath
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
