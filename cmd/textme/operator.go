package main

import (
	"context"
	"errors"
	"io/fs"

	"textme/chat"
	"textme/jobs"
	"textme/store"
)

// orDev fills in what the settings leave out from a running `textme dev` on
// this machine, so that an operator's command needs no settings there.
func (s databaseSettings) orDev(k keySettings) (databaseSettings, keySettings, error) {
	if s.DatabaseURL != "" {
		return s, k, nil
	}
	dir, err := s.dataDir()
	if err != nil {
		return s, k, err
	}
	f, err := readDevFile(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && f.Running == nil {
		return s, k, usageError{errors.New("DATABASE_URL is missing, and no `textme dev` is running to take it from")}
	}
	if err != nil {
		return s, k, err
	}
	s.DatabaseURL = f.Running.DatabaseURL
	if k.SecretKey == "" {
		k.SecretKey = f.SecretKey
	}
	return s, k, nil
}

// operatorSettings are what a command needs that works on the database.
type operatorSettings struct {
	databaseSettings
	keySettings
}

// recordSettings are what a command needs that changes something at Twilio and
// tells the service of it, if there is one.
type recordSettings struct {
	DatabaseURL string `help:"If set, it is recorded there as well. SECRET_KEY must be set too." secret:""`
	keySettings
}

// withStore runs f on the database of the settings, or of dev; without any it
// does nothing.
func (s recordSettings) withStore(ctx context.Context, dev *devFile, f func(*store.Store) error) error {
	if dev != nil && s.DatabaseURL == "" {
		s.DatabaseURL, s.SecretKey = dev.Running.DatabaseURL, dev.SecretKey
	}
	if s.DatabaseURL == "" {
		return nil
	}
	const conns = 4
	return operatorSettings{databaseSettings{DatabaseURL: s.DatabaseURL, DatabaseConns: conns}, s.keySettings}.withStore(ctx, f)
}

// withStore runs f on the database of the settings, or of a running dev.
func (s operatorSettings) withStore(ctx context.Context, f func(*store.Store) error) error {
	d, k, err := s.orDev(s.keySettings)
	if err != nil {
		return err
	}
	var bad problems
	bad.require("SECRET_KEY", k.SecretKey, "the one the service runs with")
	if err := bad.err(); err != nil {
		return err
	}
	keys, err := chat.NewKeyring([]byte(k.SecretKey))
	if err != nil {
		return usageError{err}
	}
	pool, err := store.Open(ctx, d.DatabaseURL, d.DatabaseConns)
	if err != nil {
		return usageError{err}
	}
	defer pool.Close()
	queue, err := jobs.NewQueue(pool)
	if err != nil {
		return err
	}
	st := newStore(pool, keys, queue)
	if err := st.CheckKey(ctx, keys); err != nil {
		return err
	}
	return f(st)
}
