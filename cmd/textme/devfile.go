package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// devFile is what `textme dev` keeps between runs and lets other commands
// find while it runs. It holds credentials of the simulator and a password of
// this machine's own database, so nobody else may read it.
type devFile struct {
	TwilioAccountSID string `json:"twilio_account_sid"`
	TwilioAuthToken  string `json:"twilio_auth_token"`
	SecretKey        string `json:"secret_key"`
	AdminPassword    string `json:"admin_password"`
	HookToken        string `json:"hook_token"`
	Sender           string `json:"sender"`

	// Running is set while dev runs. After a kill it stays and points at
	// nothing; whoever uses it finds out when connecting.
	Running *devRunning `json:"running,omitempty"`
}

type devRunning struct {
	TwilioBaseURL string `json:"twilio_base_url"`
	DatabaseURL   string `json:"database_url"`
}

// devSender is Twilio's own test number for messages that succeed
// (https://www.twilio.com/docs/iam/test-credentials).
const devSender = "+15005550006"

// loadDevFile reads the file of dir, or makes what a first run needs.
func loadDevFile(dir string) (devFile, error) {
	f, err := readDevFile(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	return devFile{
		TwilioAccountSID: "AC" + randomHex(16),
		TwilioAuthToken:  randomHex(16),
		SecretKey:        randomHex(32),
		AdminPassword:    strings.ToLower(rand.Text()[:16]),
		HookToken:        rand.Text(),
		Sender:           devSender,
	}, nil
}

func readDevFile(dir string) (f devFile, err error) {
	text, err := os.ReadFile(devPath(dir))
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("%s: %w; delete it to start afresh", devPath(dir), err)
	}
	return f, nil
}

// save replaces the file as a whole: a reader, or a crash, never meets half.
func (f devFile) save(dir string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	tmp := devPath(dir) + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, devPath(dir))
}

func devPath(dir string) string { return filepath.Join(dir, "dev.json") }

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // documented never to return an error
	return hex.EncodeToString(b)
}
