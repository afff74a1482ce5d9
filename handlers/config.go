package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"textme/chat"
	"textme/forms"
	"textme/templates"
)

// Config is what New needs. The stores, Webhooks, Keyring, Templates, Logger and
// PublicURL are required.
type Config struct {
	// The database as each kind of caller sees it. They may be one, but who
	// gets connections of their own cannot be starved by the others.
	Forms  FormStore  // for visitors and form servers
	Events EventStore // for Twilio
	Staff  StaffStore // for staff
	Health Health     // for probes

	Webhooks  Webhooks
	Keyring   *chat.Keyring
	Templates *templates.Templates
	Logger    *slog.Logger

	// Jobs is the page about the queue and the interface its script calls. It
	// is given requests of signed-in staff under templates.JobsPath, paths
	// whole; nil means that there is none.
	Jobs http.Handler

	// FileURL is where staff can open a file that came with a text, with rights of
	// their own; "" for one that has no address. nil means that none has.
	FileURL func(chat.File) string

	// PublicURL is where the world reaches the service; scheme and host
	// decide cookies, HSTS and which origin is our own.
	PublicURL *url.URL
	// TrustedProxies may name the client in X-Forwarded-For. Without any,
	// the socket's address is the client's and the header is ignored; no
	// address, loopback included, is trusted by itself.
	TrustedProxies []netip.Prefix

	// SignupRate and HookRate bound the posts of one address. The zero Rate
	// is no bound.
	SignupRate, HookRate Rate
	// MaxSignup, MaxHook and MaxEvent bound a body, in bytes: of a sign-up,
	// a form vendor's hook and a Twilio webhook. 0 means 64 KiB, 256 KiB
	// (more is never read) and 64 KiB.
	MaxSignup, MaxHook, MaxEvent int64

	// Observe is told of every request that was answered: its method, "other"
	// for one that is made up, the route as Route.Path writes it, "" when none
	// fits, and the status. nil: nobody is told.
	Observe func(method, route string, status int, took time.Duration)

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Banner gives the alerts shown on every page for staff, most urgent
	// first; nil means none.
	Banner func(context.Context) []string
}

func (c *Config) check() error {
	var faults []error
	for _, need := range []struct {
		name    string
		missing bool
	}{
		{"Forms", c.Forms == nil},
		{"Events", c.Events == nil},
		{"Staff", c.Staff == nil},
		{"Health", c.Health == nil},
		{"Webhooks", c.Webhooks == nil},
		{"Keyring", c.Keyring == nil},
		{"Templates", c.Templates == nil},
		{"Logger", c.Logger == nil},
		{"PublicURL", c.PublicURL == nil},
	} {
		if need.missing {
			faults = append(faults, fmt.Errorf("handlers: Config.%s is missing", need.name))
		}
	}
	if u := c.PublicURL; u != nil && originOf(u) == "" {
		faults = append(faults, fmt.Errorf("handlers: public URL %q is not http(s)://host", u.Redacted()))
	}
	return errors.Join(faults...)
}

func (c *Config) setDefaults() {
	const bodyBytes = 64 << 10
	if c.MaxSignup == 0 {
		c.MaxSignup = bodyBytes
	}
	if c.MaxEvent == 0 {
		c.MaxEvent = bodyBytes
	}
	if c.MaxHook == 0 || c.MaxHook > forms.MaxBodyBytes {
		c.MaxHook = forms.MaxBodyBytes
	}
	if c.Observe == nil {
		c.Observe = func(string, string, int, time.Duration) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jobs == nil {
		c.Jobs = http.NotFoundHandler()
	}
	if c.FileURL == nil {
		c.FileURL = func(chat.File) string { return "" }
	}
	if c.Banner == nil {
		c.Banner = func(context.Context) []string { return nil }
	}
}
