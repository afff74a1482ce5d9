package handlers

import (
	"bytes"
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/templates"
)

// view draws pages.
type view struct {
	templates *templates.Templates
	now       func() time.Time
	banner    func(context.Context) []string
}

// html answers with page. A page that cannot be drawn leaves the response
// untouched, so that the error can still be answered.
func (v *view) html(c echo.Context, status int, page templates.Page) error {
	var buf bytes.Buffer
	if err := v.templates.Execute(&buf, page); err != nil {
		return err
	}
	return c.HTMLBlob(status, buf.Bytes())
}

// admin is the part that every page for signed-in staff has.
func (v *view) admin(c echo.Context, s session) templates.Admin {
	return templates.Admin{
		Username:  s.Admin.Username,
		CSRFToken: s.csrfToken,
		Now:       v.now(),
		Alerts:    v.banner(c.Request().Context()),
	}
}

// publicSource is what the public pages show of a source.
func publicSource(s chat.Source) templates.Source {
	return templates.Source{
		Key:        s.Key,
		Business:   s.Business,
		TermsURL:   s.Settings.TermsURL,
		PrivacyURL: s.Settings.PrivacyURL,
		Themed:     s.Settings.Accent != "",
	}
}
