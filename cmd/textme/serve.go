package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"textme/chat"
	"textme/store"
)

type serveCommand struct {
	settings
}

// Run serves until the process is asked to stop.
func (c *serveCommand) Run(ctx context.Context, w world) error {
	s, err := c.settings.check()
	if err != nil {
		return err
	}
	log := s.newLogger(w)
	a, err := build(ctx, s, log)
	if err != nil {
		return err
	}
	if err := errors.Join(a.firstSource(ctx, s), a.warnOfLog(ctx)); err != nil {
		return errors.Join(err, a.stop(ctx))
	}
	service, metrics, err := s.listen(ctx)
	if err != nil {
		return errors.Join(err, a.stop(ctx))
	}
	failed, err := a.start(ctx, service, metrics)
	if err != nil {
		return errors.Join(err, a.stop(ctx))
	}
	fmt.Fprintf(w.out, "textme serves http://%s as %s\n", service.Addr(), s.publicURL)
	if metrics != nil {
		fmt.Fprintf(w.out, "metrics are at http://%s/metrics\n", metrics.Addr())
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping")
	}
	return errors.Join(err, a.stop(ctx))
}

// firstSource makes the source "default" from the settings, so that a new
// installation can take sign-ups at once: on its hosted page, and posted by a
// form or script from our own origin or from a server. Later changes are made
// with the sources command.
func (a *app) firstSource(ctx context.Context, s checked) error {
	if s.sender == "" {
		return nil
	}
	list, err := a.store.Sources(ctx)
	if err != nil || len(list) > 0 {
		return err
	}
	business := s.BusinessName
	if business == "" {
		business = s.publicURL.Hostname()
	}
	_, err = a.store.CreateSource(ctx, newSource("default", chat.FormSource, business, s.sender))
	if errors.Is(err, store.ErrTaken) { // another replica was faster
		return nil
	}
	return err
}

// warnOfLog tells the operator when Postgres writes phones and texts to its log.
func (a *app) warnOfLog(ctx context.Context) error {
	logged, err := a.store.ParametersLogged(ctx)
	if logged {
		a.log.Warn("Postgres logs statements with phones and texts in them; set log_parameter_max_length = 0, or let our role do it")
	}
	return err
}

// newSource is a source with the built-in disclosure.
func newSource(key string, kind chat.SourceKind, business string, sender chat.Phone) chat.Source {
	return chat.Source{
		Key: key, Kind: kind, Business: business, Sender: sender,
		Disclosure: chat.ForBusiness(chat.DefaultDisclosure, business),
	}
}

// listen opens the service's and, unless it is off, the metrics' address.
func (s serviceSettings) listen(ctx context.Context) (service, metrics net.Listener, err error) {
	var lc net.ListenConfig
	if service, err = lc.Listen(ctx, "tcp", s.Listen); err != nil {
		return nil, nil, fmt.Errorf("LISTEN: %w; choose another address, or port 0 for a free one", err)
	}
	if s.MetricsListen == "off" {
		return service, nil, nil
	}
	if metrics, err = lc.Listen(ctx, "tcp", s.MetricsListen); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("METRICS_LISTEN: %w", err), service.Close())
	}
	return service, metrics, nil
}
