package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// AddAdmin makes somebody an admin of the page, or gives an existing one a
// new password and ends their sessions. created tells which.
func (s *Store) AddAdmin(ctx context.Context, username, passwordHash string) (created bool, err error) {
	err = s.tx(ctx, "add admin", func(tx pgx.Tx) error {
		const q = `/* store.AddAdmin */
			INSERT INTO admins (id, username, password_hash) VALUES ($1, $2, $3)
			ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash, disabled_at = NULL
			RETURNING xmax = 0`
		if err := tx.QueryRow(ctx, q, newID(), username, passwordHash).Scan(&created); err != nil {
			return err
		}
		const end = `/* store.AddAdmin */
			DELETE FROM sessions WHERE admin_id = (SELECT id FROM admins WHERE username = $1)`
		if _, err := tx.Exec(ctx, end, username); err != nil {
			return err
		}
		return audit(ctx, tx, chat.AuditEntry{Actor: "cli", Action: "set-password", Subject: "admin:" + username})
	})
	return created, err
}

// AdminByUsername finds an admin, a disabled one too, or chat.ErrNotFound.
func (s *Store) AdminByUsername(ctx context.Context, username string) (a chat.Admin, err error) {
	const q = `/* store.AdminByUsername */
		SELECT id, username, password_hash, disabled_at IS NOT NULL FROM admins WHERE username = $1`
	err = s.pool.QueryRow(ctx, q, username).Scan(&a.ID, &a.Username, &a.PasswordHash, &a.Disabled)
	return a, translate("admin", err)
}

// StartSession stores a session and clears away those that have expired.
func (s *Store) StartSession(ctx context.Context, session chat.Session) error {
	return s.tx(ctx, "start session", func(tx pgx.Tx) error {
		const expired = `/* store.StartSession */ DELETE FROM sessions WHERE expires_at < $1`
		if _, err := tx.Exec(ctx, expired, session.CreatedAt); err != nil {
			return err
		}
		const q = `/* store.StartSession */
			INSERT INTO sessions (token_hash, admin_id, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)`
		_, err := tx.Exec(ctx, q, session.TokenHash, session.Admin.ID, session.CreatedAt, session.ExpiresAt)
		return err
	})
}

// SessionByToken finds a session that is neither idle nor expired at now and
// whose admin may still sign in, and notes that it was used. Otherwise it
// returns chat.ErrNotFound.
func (s *Store) SessionByToken(ctx context.Context, tokenHash []byte, now time.Time) (session chat.Session, err error) {
	const q = `/* store.SessionByToken */
		UPDATE sessions s SET last_seen_at = $2 FROM admins a
		WHERE s.token_hash = $1 AND a.id = s.admin_id AND a.disabled_at IS NULL
			AND s.expires_at > $2 AND s.last_seen_at > $3
		RETURNING s.token_hash, s.created_at, s.expires_at, a.id, a.username`
	err = s.pool.QueryRow(ctx, q, tokenHash, now, now.Add(-chat.SessionIdle)).Scan(
		&session.TokenHash, &session.CreatedAt, &session.ExpiresAt, &session.Admin.ID, &session.Admin.Username)
	return session, translate("session", err)
}

// EndSession signs a browser out; one that is signed out already is no error.
func (s *Store) EndSession(ctx context.Context, tokenHash []byte) error {
	return s.tx(ctx, "end session", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `/* store.EndSession */ DELETE FROM sessions WHERE token_hash = $1`, tokenHash)
		return err
	})
}

// Audit writes down who did what.
func (s *Store) Audit(ctx context.Context, entry chat.AuditEntry) error {
	return s.tx(ctx, "audit", func(tx pgx.Tx) error { return audit(ctx, tx, entry) })
}

func audit(ctx context.Context, tx pgx.Tx, e chat.AuditEntry) error {
	const q = `/* store.audit */ INSERT INTO audit_log (actor, action, subject, ip) VALUES ($1, $2, $3, $4)`
	_, err := tx.Exec(ctx, q, e.Actor, e.Action, e.Subject, orNull(e.IP))
	return err
}
