package pgembed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"textme/store/pgembed"
)

// appEnv names the folder in which the test binary, started again, runs a
// server instead of the tests.
const appEnv = "PGEMBED_TEST_APP"

func TestMain(m *testing.M) {
	// Linked as "postgres", the test binary is a server of the version that its
	// folder is named after.
	if dir, name := filepath.Split(os.Args[0]); name == "postgres" {
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil {
			os.Exit(1)
		}
		fmt.Printf("postgres (PostgreSQL) %s\n", filepath.Base(dir))
		os.Exit(0)
	}
	if dir := os.Getenv(appEnv); dir != "" {
		if err := runApp(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

// runTests gives the tests a folder for what they share.
func runTests(m *testing.M) (code int, err error) {
	if masterParent, err = newParent(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(masterParent)) }()
	return m.Run(), nil
}

// started is what the app prints, in JSON, each time Start has returned.
type started struct {
	DSN   string
	Owned bool
}

// runApp is a program that uses the package: it starts the server in dir and
// stops it at SIGTERM or when its input ends. For each line of input it calls
// Start once more.
func runApp(dir string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	again := make(chan struct{})
	go func() {
		defer cancel() // the test is gone
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			again <- struct{}{}
		}
	}()
	for {
		s, err := pgembed.Start(ctx, pgembed.Options{Dir: dir})
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(started{s.DSN, s.Owned}); err != nil {
			return err
		}
		select {
		case <-again:
		case <-ctx.Done():
			stopping, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			return s.Stop(stopping)
		}
	}
}
