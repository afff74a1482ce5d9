package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"textme/bot"
	"textme/chat"
	"textme/forms"
	"textme/store"
	"textme/store/pgembed"
	"textme/twilio/twiliosim"
)

type devCommand struct {
	settings
	SimulatorListen string `help:"Address of the simulated Twilio and its phone page; port 0 picks a free one." default:"127.0.0.1:8081"`
}

// devBusiness is the business of the example bot.
const devBusiness = "Harbor Bikes"

// Run brings everything up, prints where it is and serves until the process is
// asked to stop. What it kept is there again at the next start.
func (c *devCommand) Run(ctx context.Context, w world) (err error) {
	d := dev{devCommand: c, world: w}
	defer func() { err = errors.Join(err, d.stop(ctx)) }()
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil { // asked to stop while starting
			return nil
		}
		return err
	}
	d.printWhere()
	select {
	case err := <-d.failed:
		return err
	case <-ctx.Done():
		fmt.Fprintln(w.out, "\nStopping.")
		return nil
	}
}

// dev is a running `textme dev`.
type dev struct {
	*devCommand
	world

	dir      string
	lock     *os.File // held while we run
	file     devFile
	log      *slog.Logger
	database *pgembed.Server // nil when DATABASE_URL names another one
	sim      *twiliosim.Server
	simHTTP  *http.Server
	simURL   string
	app      *app
	url      string
	failed   <-chan error
}

func (d *dev) start(ctx context.Context) (err error) {
	d.LogFormat = "text"
	d.log = d.newLogger(d.world)
	if d.dir, err = d.dataDir(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil { //nolint:gosec // G301: the database runs as another account when we are root
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	if d.lock, err = lockDev(d.dir); err != nil {
		return err
	}
	if d.file, err = loadDevFile(d.dir); err != nil {
		return err
	}
	service, metrics, err := d.listen(ctx)
	if err != nil {
		return err
	}
	d.url = "http://" + service.Addr().String()
	if err := d.startDatabase(ctx); err != nil {
		return errors.Join(err, service.Close())
	}
	if err := d.startSimulator(ctx); err != nil {
		return errors.Join(err, service.Close())
	}
	s, err := d.fill().check()
	if err != nil {
		return errors.Join(err, service.Close())
	}
	if s.script == nil {
		if s.script, err = bot.Default(); err != nil {
			return errors.Join(err, service.Close())
		}
	}
	if d.app, err = build(ctx, s, d.log); err != nil {
		return errors.Join(err, service.Close())
	}
	if err := d.seed(ctx, s); err != nil {
		return errors.Join(err, service.Close())
	}
	if d.failed, err = d.app.start(ctx, service, metrics); err != nil {
		return err
	}
	if err := d.connect(ctx, s); err != nil {
		return err
	}
	d.file.Running = &devRunning{TwilioBaseURL: d.simURL, DatabaseURL: s.DatabaseURL}
	return d.file.save(d.dir)
}

func (d *dev) startDatabase(ctx context.Context) (err error) {
	if d.DatabaseURL != "" {
		return nil
	}
	d.database, err = pgembed.Start(ctx, pgembed.Options{
		Dir: filepath.Join(d.dir, "pg"),
		Log: func(step string) { fmt.Fprintln(d.out, step) },
	})
	if err != nil {
		return err
	}
	d.DatabaseURL = d.database.DSN
	return nil
}

func (d *dev) startSimulator(ctx context.Context) (err error) {
	d.sim, err = twiliosim.New(twiliosim.Options{
		AccountSID: d.file.TwilioAccountSID,
		AuthToken:  d.file.TwilioAuthToken,
		Senders:    []string{d.file.Sender},
		Journal:    filepath.Join(d.dir, "twiliosim.journal"),
		Logger:     d.log.With("component", "simulator"),
	})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", d.SimulatorListen)
	if err != nil {
		return fmt.Errorf("SIMULATOR_LISTEN: %w; choose another address, or port 0 for a free one", err)
	}
	d.simURL = "http://" + l.Addr().String()
	d.simHTTP = &http.Server{Handler: d.sim, ReadHeaderTimeout: headerTime}
	go func() {
		if err := d.simHTTP.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("simulator stopped", "err", err)
		}
	}()
	return nil
}

// fill sets what the operator of a real installation would have to.
func (d *dev) fill() settings {
	s := d.settings
	s.TwilioAccountSID, s.TwilioAuthToken, s.TwilioBaseURL = d.file.TwilioAccountSID, d.file.TwilioAuthToken, d.simURL
	s.TwilioSender = d.file.Sender
	if s.SecretKey == "" {
		s.SecretKey = d.file.SecretKey
	}
	if s.PublicURL == "" {
		s.PublicURL = d.url
	}
	if s.BusinessName == "" {
		s.BusinessName = devBusiness
	}
	return s
}

// seed makes one source of each kind that has a door, and the admin.
func (d *dev) seed(ctx context.Context, s checked) error {
	const pitch = "Leave your number and we will text you right away."
	form := newSource("default", chat.FormSource, s.BusinessName, s.sender)
	form.Settings.Pitch = pitch
	page := newSource("page", chat.PageSource, s.BusinessName, s.sender)
	page.Settings.Pitch = pitch
	hook := newSource("vendor", chat.WebhookSource, s.BusinessName, s.sender)
	hash := forms.HashToken(d.file.HookToken)
	hook.TokenHashes = [][]byte{hash[:]}
	for _, src := range []chat.Source{form, page, hook} {
		if _, err := d.app.store.CreateSource(ctx, src); err != nil && !errors.Is(err, store.ErrTaken) {
			return err
		}
	}
	admin, err := d.app.store.AdminByUsername(ctx, devAdmin)
	switch {
	case err == nil && chat.CheckPassword(admin.PasswordHash, d.file.AdminPassword):
		return nil
	case err != nil && !errors.Is(err, chat.ErrNotFound):
		return err
	}
	hashed, err := chat.HashPassword(d.file.AdminPassword)
	if err != nil {
		return err
	}
	_, err = d.app.store.AddAdmin(ctx, devAdmin, hashed)
	return err
}

const devAdmin = "admin"

// connect points the simulated account at the service, as an operator does
// with a real one.
func (d *dev) connect(ctx context.Context, s checked) error {
	client, err := s.twilioSettings.client(d.log)
	if err != nil {
		return err
	}
	if err := client.SetWebhooks(ctx, s.publicURL.String()+conversationsWebhook, chat.EventTypes()); err != nil {
		return err
	}
	return client.EnableAutocreate(ctx, s.sender)
}

func (d *dev) printWhere() {
	fmt.Fprintf(d.out, `
textme runs on this machine, with a simulated Twilio: no text leaves it.

  Service       %s
  Sign-up page  %s/s/default
  Admin page    %s/admin   (user %s, password %s)
  Phone page    %s
  Health        %s/healthz

  A website's own form posts to  %s/signup/default
  A form vendor's server does    curl -d 'phone=+14155550142&consent=yes' -H 'Authorization: Bearer %s' %s/hooks/forms/vendor

  Data is kept in %s. Ctrl-C stops everything.
`, d.url, d.url, d.url, devAdmin, d.file.AdminPassword, d.simURL, d.url, d.url, d.file.HookToken, d.url, d.dir)
}

// stop ends everything that was started, in the order that loses nothing: the
// service while the simulator still answers, the database last.
func (d *dev) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 60*time.Second)
	defer cancel()
	var errs []error
	if d.app != nil {
		errs = append(errs, d.app.stop(ctx))
	}
	if d.simHTTP != nil {
		errs = append(errs, d.simHTTP.Close())
	}
	if d.sim != nil {
		errs = append(errs, d.sim.Close(ctx))
	}
	if d.database != nil {
		errs = append(errs, d.database.Stop(ctx))
	}
	if d.file.Running != nil {
		d.file.Running = nil
		errs = append(errs, d.file.save(d.dir))
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
