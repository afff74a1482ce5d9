package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// peerFiles is a receiver of webhooks as web developers build one, for comparison:
// Fastify in one process or two, which keeps a message and a reply and nothing else.
//
//go:embed peer
var peerFiles embed.FS

// peerTables is all that the peer keeps.
const peerTables = `
	CREATE TABLE peer_messages (message_sid text PRIMARY KEY, conversation_sid text NOT NULL, index integer NOT NULL, author text NOT NULL,
		body text NOT NULL, twilio_at timestamptz NOT NULL, UNIQUE (conversation_sid, index));
	CREATE TABLE peer_replies (message_sid text PRIMARY KEY REFERENCES peer_messages, body text NOT NULL)`

// peers measures the peer under the load of PF1: as it would be written, in one
// process and in two, and doing the least that a receiver can do.
func (b *bench) peers(ctx context.Context, clients int, limit float64) error {
	dir, err := b.installPeer(ctx)
	if err != nil {
		b.report.add(row{goal: "PF1", what: "Fastify", note: "left out: " + err.Error()})
		return ctx.Err()
	}
	for _, p := range []struct {
		processes int
		keeps     string
	}{{1, "transaction"}, {2, "transaction"}, {1, "statement"}} {
		dsn, err := b.db.copy(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(execute(ctx, dsn, peerTables), b.db.settle(ctx)); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "node", "peer.js")
		cmd.Dir = dir
		s, err := launch(ctx, cmd, map[string]string{
			"PATH": os.Getenv("PATH"), "DATABASE_URL": dsn, "PUBLIC_URL": publicURL, "TWILIO_AUTH_TOKEN": authToken,
			"NODE_ENV": "production", "PROCESSES": strconv.Itoa(p.processes), "KEEPS": p.keeps,
		}, b.db.dir)
		if err != nil {
			return err
		}
		line := row{goal: "PF1", what: fmt.Sprintf("the same, Fastify x %d, a %s each", p.processes, p.keeps), limit: limit}
		texts := b.asking(clients)
		b.measure(s, line, func(d time.Duration) outcome { return webhooks(s, clients).closed(ctx, d, texts) })
		if err := s.stop(); err != nil {
			return err
		}
	}
	return nil
}

// installPeer has npm install what the peer needs, once, in a folder that goes
// with the database's.
func (b *bench) installPeer(ctx context.Context) (dir string, err error) {
	root := filepath.Join(b.db.dir, "fastify")
	dir = filepath.Join(root, "peer")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "fastify")); err == nil {
		return dir, nil
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", errors.New(program + " is not installed")
		}
	}
	if err := errors.Join(os.RemoveAll(root), os.CopyFS(root, peerFiles)); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if _, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm cannot install it: %w", err)
	}
	return dir, nil
}
