package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"textme/chat"
	"textme/store"
)

type adminsCommand struct {
	Add adminsAdd `cmd:"" help:"Add an admin, or give one a new password. Reads the password from standard input."`
}

type adminsAdd struct {
	operatorSettings
	Username string `arg:"" help:"Lower case, without spaces."`
}

// Run adds the admin.
func (c *adminsAdd) Run(ctx context.Context, w world) error {
	fmt.Fprintf(w.err, "Password for %s (%d characters or more): ", c.Username, chat.MinPassword)
	line, err := bufio.NewReader(w.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	fmt.Fprintln(w.err)
	hash, err := chat.HashPassword(strings.TrimRight(line, "\r\n"))
	if err != nil {
		return usageError{err}
	}
	return c.withStore(ctx, func(st *store.Store) error {
		created, err := st.AddAdmin(ctx, strings.ToLower(c.Username), hash)
		if err != nil {
			return err
		}
		if created {
			fmt.Fprintf(w.out, "%s may sign in now\n", c.Username)
		} else {
			fmt.Fprintf(w.out, "%s has a new password; open sessions were ended\n", c.Username)
		}
		return nil
	})
}
