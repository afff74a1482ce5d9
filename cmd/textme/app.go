package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
	"textme/handlers"
	"textme/jobs"
	"textme/migrations"
	"textme/store"
	"textme/templates"
	"textme/twilio"
)

// app is the running service, everything built once.
type app struct {
	log     *slog.Logger
	pools   *store.Pools
	store   *store.Store
	runner  *jobs.Runner
	queue   *jobs.UI
	server  *http.Server
	metrics *http.Server // nil: off
	counted *metrics
}

// build makes every part of the service and migrates the database, but starts
// nothing yet. public is settled by now: Twilio signs it.
func build(ctx context.Context, s checked, log *slog.Logger) (_ *app, err error) {
	keys, err := chat.NewKeyring([]byte(s.SecretKey))
	if err != nil {
		return nil, usageError{err}
	}
	pools, err := store.OpenPools(ctx, s.DatabaseURL, s.DatabaseConns)
	if err != nil {
		return nil, usageError{err}
	}
	a := &app{log: log, pools: pools, counted: newMetrics()}
	defer func() {
		if err != nil {
			pools.Close()
		}
	}()
	if err := migrate(ctx, s.databaseSettings, log); err != nil {
		return nil, err
	}
	queue, err := jobs.NewQueue(pools.Work)
	if err != nil {
		return nil, err
	}
	a.store = newStore(pools.Work, keys, queue)
	if err := a.store.CheckKey(ctx, keys); err != nil {
		return nil, err
	}
	timing := chat.TimingFor(s.RescueAfter)
	account := s.twilioSettings.config(log)
	account.Timeout, account.Observe, account.Hold = timing.Call, a.counted.call, newStore(pools.Calls, keys, nil)
	client, err := twilio.New(account)
	if err != nil {
		return nil, usageError{err}
	}
	service := chat.New(a.store, client, chat.Options{
		Script:           s.script,
		Regions:          s.Regions,
		WelcomeEvery:     time.Duration(s.WelcomeEvery),
		RetryFailedAfter: time.Duration(s.RetryFailedAfter),
		AdoptUnclaimed:   s.AdoptUnclaimed,
		Timing:           timing,
		CreateEvery:      s.CreateRate.Every,
		SendEvery:        s.SenderRate.Every,
		Quiet:            s.quiet,
		ReconcileEvery:   time.Duration(s.ReconcileEvery),
		PollCallEvery:    s.ReconcileRate.Every,
	}, utcNow, log)
	a.runner, err = jobs.NewRunner(pools.Work, service, jobs.Options{Workers: s.Workers, Timing: timing, Observe: a.counted.run, Reconcile: min(time.Duration(s.ReconcileEvery)/10, reconcileTick)}, log)
	if err != nil {
		return nil, err
	}
	shown, err := jobs.NewQueue(pools.Staff)
	if err != nil {
		return nil, err
	}
	if a.queue, err = jobs.NewUI(shown, templates.JobsPath, log); err != nil {
		return nil, err
	}
	edge, err := a.edge(s, keys, queue, client) //nolint:contextcheck // each request brings its own context
	if err != nil {
		return nil, err
	}
	a.server = newServer(edge, log)
	if s.MetricsListen != "off" {
		a.metrics = newServer(a.counted.handler(waiting{newStore(pools.Staff, keys, nil), shown, log}), log)
	}
	return a, nil
}

// reconcileTick is how often to look for conversations that are due to be
// polled, at least: to look costs one query.
const reconcileTick = 5 * time.Second

func utcNow() time.Time { return time.Now().UTC() }

// newStore gives the store the reader of stored payloads. Commands that record
// nothing a worker must see need no queue.
func newStore(pool *pgxpool.Pool, keys *chat.Keyring, queue store.Queue) *store.Store {
	return store.New(pool, keys, queue, twilio.DecodePayload)
}

// edge makes the HTTP side.
func (a *app) edge(s checked, keys *chat.Keyring, queue store.Queue, client *twilio.Client) (http.Handler, error) {
	pages, err := templates.New()
	if err != nil {
		return nil, err
	}
	verifier, err := twilio.NewVerifier(s.publicURL.String(), tokens(s.twilioSettings)...)
	if err != nil {
		return nil, usageError{err}
	}
	webhooks, err := twilio.NewWebhooks(verifier, s.TwilioAccountSID, a.counted.webhook)
	if err != nil {
		return nil, usageError{err}
	}
	staff := newStore(a.pools.Staff, keys, queue)
	return handlers.New(handlers.Config{
		Forms:          newStore(a.pools.Forms, keys, queue),
		Events:         newStore(a.pools.Webhooks, keys, queue),
		Staff:          staff,
		Health:         store.NewHealth(a.pools.Calls, migrations.Pending),
		Webhooks:       webhooks,
		Keyring:        keys,
		Templates:      pages,
		Logger:         a.log,
		Jobs:           a.queue,
		FileURL:        client.FileURL,
		PublicURL:      s.publicURL,
		TrustedProxies: s.proxies,
		SignupRate:     handlers.Rate(s.SignupRate),
		HookRate:       handlers.Rate(s.HookRate),
		Observe:        a.counted.request,
		Now:            utcNow,
		Banner:         func(ctx context.Context) []string { return banner(ctx, staff) },
	})
}

func tokens(s twilioSettings) []string {
	if s.TwilioAuthTokenSecondary == "" {
		return []string{s.TwilioAuthToken}
	}
	return []string{s.TwilioAuthToken, s.TwilioAuthTokenSecondary}
}

// banner tells staff what is not being sent. A page that cannot be told shows without.
func banner(ctx context.Context, st *store.Store) (alerts []string) {
	pauses, _ := st.Paused(ctx)
	for _, p := range pauses {
		from := ""
		if p.Scope != chat.AccountScope {
			from = " from " + templates.Phone{E164: p.Scope, Revealed: true}.String()
		}
		alerts = append(alerts, "Sending"+from+" is paused: "+p.Reason)
	}
	return alerts
}

// migrate brings the schema up to date, as its owner if one is named.
func migrate(ctx context.Context, s databaseSettings, log *slog.Logger) error {
	pool, err := s.ownerPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	applied, err := migrations.Up(ctx, pool)
	if applied > 0 {
		log.InfoContext(ctx, "database migrated", "applied", applied)
	}
	return err
}

// ownerPool connects as the role that owns the schema. Migrations may take
// longer than the service lets a statement run.
func (s databaseSettings) ownerPool(ctx context.Context) (*pgxpool.Pool, error) {
	dsn := s.DatabaseURL
	if s.DatabaseMigrateURL != "" {
		dsn = s.DatabaseMigrateURL
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, usageError{errors.New("DATABASE_URL or DATABASE_MIGRATE_URL is not a Postgres URL")} // pgx quotes the password
	}
	config.MaxConns = 4
	return pgxpool.NewWithConfig(ctx, config)
}

// config is the account.
func (s twilioSettings) config(log *slog.Logger) twilio.Config {
	return twilio.Config{
		AccountSID:          s.TwilioAccountSID,
		AuthToken:           s.TwilioAuthToken,
		APIKeySID:           s.TwilioAPIKeySID,
		APIKeySecret:        s.TwilioAPIKeySecret,
		BaseURL:             s.TwilioBaseURL,
		ServiceSID:          s.TwilioServiceSID,
		MessagingServiceSID: s.TwilioMessagingServiceSID,
		Logger:              log,
	}
}

// client makes the Twilio client of a command.
func (s twilioSettings) client(log *slog.Logger) (*twilio.Client, error) {
	return twilio.New(s.config(log))
}

// The patience of the HTTP server, in proportion to Twilio's five seconds.
const (
	headerTime = 5 * time.Second
	readTime   = 15 * time.Second
	writeTime  = 20 * time.Second
	idleTime   = 60 * time.Second
	maxHeader  = 16 << 10
	drainTime  = 15 * time.Second
)

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// start begins to serve on l and to run jobs.
func (a *app) start(ctx context.Context, l net.Listener, metrics net.Listener) (failed <-chan error, err error) {
	if err := a.runner.Start(ctx); err != nil {
		return nil, err
	}
	if err := a.queue.Start(ctx); err != nil {
		return nil, err
	}
	errs := make(chan error, 2)
	serve := func(s *http.Server, l net.Listener) {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			errs <- err
		}
	}
	go serve(a.server, l)
	if a.metrics != nil {
		go serve(a.metrics, metrics)
	}
	return errs, nil
}

// stop ends in the order that loses nothing: no new requests, those under way
// answered, jobs finished or handed back, then the database connections.
func (a *app) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime+10*time.Second)
	defer cancel()
	var errs []error
	drain, done := context.WithTimeout(ctx, drainTime)
	defer done()
	errs = append(errs, a.server.Shutdown(drain))
	if a.metrics != nil {
		errs = append(errs, a.metrics.Shutdown(drain))
	}
	errs = append(errs, a.runner.Stop(ctx))
	a.pools.Close()
	return errors.Join(errs...)
}

// newLogger logs to w as the settings say.
func (s serviceSettings) newLogger(w world) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // an enum, checked by kong
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w.err, opts))
	}
	return slog.New(slog.NewJSONHandler(w.err, opts))
}

// printJSON prints v for people and programs alike.
func printJSON(w world, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.out, string(text))
	return err
}
