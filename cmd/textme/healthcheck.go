package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

type healthcheckCommand struct {
	Listen string `help:"The address the service was told to serve on." default:"127.0.0.1:8080"`
}

// Run asks the service on this machine whether it is ready.
func (c *healthcheckCommand) Run(ctx context.Context, w world) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return usageError{fmt.Errorf("LISTEN: %w", err)}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", answer.Status)
	}
	_, err = fmt.Fprintln(w.out, "ready")
	return err
}
