package store

import (
	"context"
	"crypto/hmac"
	"errors"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// ErrOtherKey: the database was written with another SECRET_KEY.
var ErrOtherKey = errors.New("SECRET_KEY is not the one this database was written with: opt-outs and sealed secrets could not be read; start with the earlier key")

// CheckKey compares the keyring with the one the database knows and, on an
// empty database, makes it the known one.
func (s *Store) CheckKey(ctx context.Context, keys *chat.Keyring) error {
	check := keys.CheckValue()
	return s.tx(ctx, "check key", func(tx pgx.Tx) error {
		const q = `/* store.CheckKey */
			INSERT INTO keys (id, check_value) VALUES ('1', $1)
			ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING check_value`
		var known []byte
		if err := tx.QueryRow(ctx, q, check[:]).Scan(&known); err != nil {
			return err
		}
		if !hmac.Equal(known, check[:]) {
			return ErrOtherKey
		}
		return nil
	})
}
