package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/templates"
)

// sourceStore finds sources. Both methods may return a disabled one.
type sourceStore interface {
	SourceByKey(ctx context.Context, key string) (chat.Source, error)
	// DefaultSource is the only source, or the one called "default".
	DefaultSource(ctx context.Context) (chat.Source, error)
}

// pages are the public pages of a source.
type pages struct {
	sources sourceStore
	tokens  *chat.Keyring
	view    *view
	now     func() time.Time
}

// enabledSource returns the source of that key, the default one for "". It is
// chat.ErrNotFound when there is none, and when it is disabled.
func enabledSource(ctx context.Context, store sourceStore, key string) (chat.Source, error) {
	var (
		s   chat.Source
		err error
	)
	switch {
	case key == "":
		s, err = store.DefaultSource(ctx)
	case chat.ValidSourceKey(key):
		s, err = store.SourceByKey(ctx, key)
	default:
		err = chat.ErrNotFound
	}
	if err == nil && s.Disabled {
		err = chat.ErrNotFound
	}
	return s, err
}

// visitorSource is enabledSource for the doors of visitors, which a source that only
// servers post to does not have.
func visitorSource(ctx context.Context, store sourceStore, key string) (chat.Source, error) {
	s, err := enabledSource(ctx, store, key)
	if err == nil && s.Kind == chat.WebhookSource {
		err = chat.ErrNotFound
	}
	return s, err
}

// signup shows the form for the first time.
func (p *pages) signup(c echo.Context) error {
	s, err := visitorSource(c.Request().Context(), p.sources, c.Param("source"))
	if err != nil {
		return err
	}
	return p.showForm(c, http.StatusOK, s, templates.SignupPage{FormToken: p.newToken(s)})
}

// showForm shows the form; page holds what is not the source's.
func (p *pages) showForm(c echo.Context, status int, s chat.Source, page templates.SignupPage) error {
	page.Source = publicSource(s)
	page.Pitch = s.Settings.Pitch
	page.Disclosure = disclosureOf(s)
	if target := thanksURL(s); target != nil {
		c.Response().Header().Set("Content-Security-Policy", contentPolicy(originOf(target)))
	}
	return p.view.html(c, status, page)
}

// newToken ties a form to the source and to the version of the disclosure it
// shows: consent to another text would be no evidence.
func (p *pages) newToken(s chat.Source) string { return p.tokens.NewFormToken(tokenScope(s), p.now()) }

// readToken returns the ID of a token that newToken made for what the source
// says today, or an error of Keyring.ReadFormToken.
func (p *pages) readToken(s chat.Source, token string) (id string, err error) {
	return p.tokens.ReadFormToken(token, tokenScope(s), p.now())
}

func tokenScope(s chat.Source) string {
	return s.Key + "@" + strconv.FormatInt(s.DisclosureVersion, 10)
}

// thanks follows every accepted sign-up.
func (p *pages) thanks(c echo.Context) error {
	s, err := enabledSource(c.Request().Context(), p.sources, c.Param("source"))
	if err != nil {
		return err
	}
	return p.view.html(c, http.StatusOK, templates.ThanksPage{Source: publicSource(s)})
}

// consent shows the disclosure word for word.
func (p *pages) consent(c echo.Context) error {
	s, err := enabledSource(c.Request().Context(), p.sources, c.Param("source"))
	if err != nil {
		return err
	}
	return p.view.html(c, http.StatusOK, templates.ConsentPage{Source: publicSource(s), Disclosure: disclosureOf(s)})
}

// theme is the source's colours.
func (p *pages) theme(c echo.Context) error {
	s, err := enabledSource(c.Request().Context(), p.sources, c.Param("source"))
	if err != nil {
		return err
	}
	css, err := templates.ThemeCSS(s.Settings.Accent)
	if err != nil {
		return chat.ErrNotFound
	}
	cacheFor(c, "public, max-age=300")
	return c.Blob(http.StatusOK, "text/css; charset=utf-8", css)
}

func disclosureOf(s chat.Source) templates.Disclosure {
	return templates.Disclosure{
		Version: s.DisclosureVersion,
		Text:    s.Disclosure,
		SHA256:  s.DisclosureSHA256,
	}
}

// thanksURL is where the source sends its visitors afterwards, nil for our own
// page. It was checked when it was set; anything but a plain web address is
// still not followed.
func thanksURL(s chat.Source) *url.URL {
	u, err := url.Parse(s.Settings.ThanksURL)
	if err != nil || originOf(u) == "" || u.User != nil {
		return nil
	}
	return u
}
