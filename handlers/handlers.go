// Package handlers is the HTTP edge. Five kinds of caller come to it: visitors
// with a browser, the servers of form vendors, Twilio, signed-in staff, and
// probes. The route table below shows every door on one screen, grouped by
// caller, with its guards wrapped around it on its own line.
//
// A handler proves who is asking, reads a bounded body, turns it into domain
// values, records the fact by one call to the store and answers. It makes no
// call to Twilio and decides nothing about a sign-up, so an answer never tells
// whether a number is new, known, opted out or refused.
//
// Handlers return errors. One table (errors.go) says which status and which
// sentence each becomes, and the caller's kind says in which form: a page,
// JSON, or nothing at all. The text of an error goes to the log and never into
// an answer; a phone, a name, a body or a token goes to neither.
package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"textme/templates"
)

// The stores are what the edge needs of the database. Each part is declared
// beside the handlers that use it. Their methods return chat.ErrNotFound for
// what is not there and chat.ErrUnavailable when nothing could be committed.
type (
	// FormStore records sign-ups.
	FormStore interface {
		sourceStore
		signupStore
		quarantine
	}
	// EventStore applies what Twilio tells.
	EventStore interface{ eventStore }
	// StaffStore knows staff, and what they may see and do.
	StaffStore interface {
		sourceStore
		conversationStore
		adminStore
		sessionStore
		auditLog
	}
	// Health answers probes.
	Health interface{ readiness }
)

// Caller is the kind of caller a route is for. It decides how a failure is
// answered.
type Caller string

// The kinds of caller.
const (
	Visitor    Caller = "visitor"     // anybody: pages, or JSON for scripts
	FormServer Caller = "form server" // proves itself by signature or token: JSON
	Twilio     Caller = "twilio"      // proves itself by signature: empty bodies
	Staff      Caller = "staff"       // signed in: pages
	Probe      Caller = "probe"       // load balancers and monitors: plain text
)

// Route is one line of the route table. A GET route answers HEAD as well.
type Route struct {
	Method string
	Path   string // as Echo writes it, such as /s/:source
	Who    Caller
}

type route struct {
	Route
	handle echo.HandlerFunc
}

// answerWithin is how long a request may take, half of the write timeout that
// servers are given. recordWithin is how long visitors and form servers wait for
// the database once their body has come: they are better off being told to come
// again, which is harmless, than waiting.
const (
	answerWithin = 10 * time.Second
	recordWithin = 2 * time.Second
)

// edge holds the handlers of each caller.
type edge struct {
	pages   *pages
	signups *signups
	hooks   *hooks
	twilio  *twilioHooks
	signin  *signin
	staff   *staff
	jobs    *jobs
	probes  *probes
	assets  *assets

	signupLimit, hookLimit *addressLimit
	sameOrigin             *sameOrigin
	sessions               *sessions
}

// routes is the whole route table.
func (e *edge) routes() []route {
	const get, post, put, options = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodOptions
	signupRate, hookRate, sameOrigin := e.signupLimit.guard, e.hookLimit.guard, e.sameOrigin.guard
	soon := deadline(recordWithin)
	signedIn := func(h echo.HandlerFunc) echo.HandlerFunc { return sameOrigin(e.sessions.guard(h)) }
	scripted := func(h echo.HandlerFunc) echo.HandlerFunc { return sameOrigin(e.sessions.guardScript(h)) }

	return []route{
		// Public pages.
		{Route{get, "/s/:source", Visitor}, soon(e.pages.signup)},
		{Route{get, "/s/:source/thanks", Visitor}, soon(e.pages.thanks)},
		{Route{get, "/s/:source/consent", Visitor}, soon(e.pages.consent)},
		{Route{get, "/s/:source/theme.css", Visitor}, soon(e.pages.theme)},
		{Route{get, "/static/:file", Visitor}, e.assets.file},
		{Route{get, "/favicon.ico", Visitor}, e.assets.favicon},

		// The door for visitors and for websites with a form of their own.
		{Route{options, "/signup", Visitor}, soon(e.signups.preflight)},
		{Route{options, "/signup/:source", Visitor}, soon(e.signups.preflight)},
		{Route{post, "/signup", Visitor}, signupRate(e.signups.submit)},
		{Route{post, "/signup/:source", Visitor}, signupRate(e.signups.submit)},

		// Form vendors and other servers. The handler verifies.
		{Route{post, "/hooks/forms/:source", FormServer}, hookRate(e.hooks.receive)},
		{Route{post, "/hooks/forms/:source/:token", FormServer}, hookRate(e.hooks.receive)},

		// Twilio. The handler verifies.
		{Route{post, "/webhooks/twilio/conversations", Twilio}, e.twilio.receive},
		{Route{post, "/webhooks/twilio/messages", Twilio}, e.twilio.receive},

		// Staff.
		{Route{get, "/admin/sign-in", Visitor}, e.signin.page},
		{Route{post, "/admin/sign-in", Visitor}, sameOrigin(e.signin.submit)},
		{Route{post, "/admin/sign-out", Staff}, signedIn(e.signin.signOut)},
		{Route{get, "/admin", Staff}, signedIn(e.staff.home)},
		{Route{get, "/admin/conversations", Staff}, signedIn(e.staff.list)},
		{Route{post, "/admin/conversations/reveal", Staff}, signedIn(e.staff.revealInList)},
		{Route{get, "/admin/conversations/:id", Staff}, signedIn(e.staff.conversation)},
		{Route{post, "/admin/conversations/:id/reveal", Staff}, signedIn(e.staff.reveal)},
		{Route{post, "/admin/conversations/:id/try-again", Staff}, signedIn(e.staff.tryAgain)},

		// The queue, for staff. Its page is not ours.
		{Route{get, templates.JobsPath, Staff}, signedIn(e.jobs.show)},
		{Route{get, templates.JobsPath + "/*", Staff}, signedIn(e.jobs.show)},
		{Route{post, templates.JobsPath + "/api/jobs/retry", Staff}, scripted(e.jobs.changeJobs("retry-jobs"))},
		{Route{post, templates.JobsPath + "/api/jobs/cancel", Staff}, scripted(e.jobs.changeJobs("cancel-jobs"))},
		{Route{post, templates.JobsPath + "/api/jobs/delete", Staff}, scripted(e.jobs.changeJobs("delete-jobs"))},
		{Route{put, templates.JobsPath + "/api/queues/:queue/pause", Staff}, scripted(e.jobs.changeQueue("pause-queue"))},
		{Route{put, templates.JobsPath + "/api/queues/:queue/resume", Staff}, scripted(e.jobs.changeQueue("resume-queue"))},

		// Probes.
		{Route{get, "/healthz", Probe}, e.probes.process},
		{Route{get, "/readyz", Probe}, e.probes.ready},
	}
}

// Routes lists every route there is.
func Routes() []Route {
	var list []Route
	for _, r := range new(edge).routes() {
		list = append(list, r.Route)
	}
	return list
}

// New builds the service's handler. It returns one error that names every
// setting it cannot work with.
func New(cfg Config) (http.Handler, error) {
	return newEcho(cfg)
}

func newEcho(cfg Config) (*echo.Echo, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	e, err := newEdge(cfg)
	if err != nil {
		return nil, err
	}
	mux := echo.New()
	mux.IPExtractor = clientIPFrom(cfg.TrustedProxies)
	who := map[string]Caller{}
	for _, r := range e.routes() {
		who[r.Path] = r.Who
		mux.Add(r.Method, r.Path, r.handle)
		if r.Method == http.MethodGet {
			mux.Add(http.MethodHead, r.Path, r.handle)
		}
	}
	answers := &failures{who: who, view: e.pages.view, log: cfg.Logger}
	mux.HTTPErrorHandler = answers.answer
	mux.Use(
		observed(cfg.Observe),
		requestLog(cfg.Logger),
		warnOfForwarded(cfg.Logger, cfg.TrustedProxies),
		securityHeaders(cfg.PublicURL),
		recoverPanic,
		deadline(answerWithin),
		declaredMethods(e.routes()),
		plainBodies,
	)
	return mux, nil
}

func newEdge(cfg Config) (*edge, error) {
	view := &view{templates: cfg.Templates, now: cfg.Now, banner: cfg.Banner}
	pages := &pages{sources: cfg.Forms, tokens: cfg.Keyring, view: view, now: cfg.Now}
	sessions := &sessions{store: cfg.Staff, now: cfg.Now, secure: cfg.PublicURL.Scheme == "https"}
	signin, err := newSignin(cfg, view, sessions)
	if err != nil {
		return nil, err
	}
	sameOrigin, err := newSameOrigin(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	hooks, err := newHooks(cfg)
	if err != nil {
		return nil, err
	}
	return &edge{
		pages: pages,
		signups: &signups{
			sources: cfg.Forms, store: cfg.Forms, pages: pages, own: originOf(cfg.PublicURL),
			max: cfg.MaxSignup, now: cfg.Now, log: cfg.Logger,
		},
		hooks:       hooks,
		twilio:      &twilioHooks{webhooks: cfg.Webhooks, events: cfg.Events, max: cfg.MaxEvent, now: cfg.Now, log: cfg.Logger},
		signin:      signin,
		staff:       &staff{store: cfg.Staff, sources: cfg.Staff, view: view, public: cfg.PublicURL, fileURL: cfg.FileURL},
		jobs:        &jobs{page: cfg.Jobs, store: cfg.Staff},
		probes:      &probes{store: cfg.Health},
		assets:      &assets{templates: cfg.Templates},
		signupLimit: newAddressLimit(cfg.SignupRate, cfg.Now),
		hookLimit:   newAddressLimit(cfg.HookRate, cfg.Now),
		sameOrigin:  sameOrigin,
		sessions:    sessions,
	}, nil
}
