package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// The account that the service acts for, and its settings otherwise.
const (
	accountSID = "ACbe5c4000000000000000000000000000"
	authToken  = "be5c4000000000000000000000000001"
	sender     = "+15005550006"
	secretKey  = "0123456789abcdef0123456789abcdef"
	publicURL  = "https://textme.example"
)

// service is a program under test: ours, the real binary, or its peer, as a process
// of its own.
type service struct {
	cmd     *exec.Cmd
	address string        // host and port it listens on
	ready   time.Duration // from its start until it printed its address
	ended   chan struct{}
	log     string // file with all that it printed
}

var printed = regexp.MustCompile(`http://(127\S+)`)

// startService runs `textme serve` with production settings, which change may
// alter, and returns once it serves. Its log goes to a file, as under systemd.
func startService(ctx context.Context, binary, dir, dsn, twilioURL string, change map[string]string) (*service, error) {
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "LISTEN": "127.0.0.1:0", "PUBLIC_URL": publicURL,
		"DATABASE_URL": dsn, "DATA_DIR": dir, "SECRET_KEY": secretKey,
		"TWILIO_ACCOUNT_SID": accountSID, "TWILIO_AUTH_TOKEN": authToken, "TWILIO_BASE_URL": twilioURL,
		"TWILIO_SENDER": sender, "BUSINESS_NAME": "Harbor Bikes", "BOT_SCRIPT": "bot/scripts/default.txt",
	}
	maps.Copy(env, change)
	return launch(ctx, exec.CommandContext(ctx, binary, "serve"), env, dir)
}

// launch starts a program that prints the address it listens on, and waits for
// that. Its log is a file in dir.
func launch(ctx context.Context, cmd *exec.Cmd, env map[string]string, dir string) (*service, error) {
	log, err := os.CreateTemp(dir, "service-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &service{cmd: cmd, ended: make(chan struct{}), log: log.Name()}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		s.cmd.Env = append(s.cmd.Env, name+"="+env[name])
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A session of its own, as any service has: Linux shares the processors
	// among sessions, and every process of Postgres is one.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 30 * time.Second
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is of no interest, that it did is
		close(s.ended)
	}()
	if s.address, err = s.awaitAddress(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.ready = time.Since(begin)
	return s, nil
}

func (s *service) awaitAddress(ctx context.Context) (string, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(s.log)
		if err != nil {
			return "", err
		}
		if found := printed.FindSubmatch(text); found != nil {
			return string(found[1]), nil
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return "", fmt.Errorf("the service ended:\n%s", text)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// stop asks the service to end, waits for it, and reports what it complained
// about.
func (s *service) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-s.ended
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	for _, sign := range []string{"panic", "DATA RACE"} {
		if bytes.Contains(text, []byte(sign)) {
			return fmt.Errorf("the service's log says %s: %s", sign, s.log)
		}
	}
	return os.Remove(s.log)
}

// closedAddress is one on which nobody answers.
func closedAddress() string {
	return (&url.URL{Scheme: "http", Host: "127.0.0.1:1"}).String()
}

// size of a file in bytes, 0 if it is not there.
func sizeOf(file string) int64 {
	info, err := os.Stat(filepath.Clean(file))
	if err != nil {
		return 0
	}
	return info.Size()
}
