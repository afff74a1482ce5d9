package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

const sourceColumns = `s.id, s.key, s.kind, s.business, s.sender, d.body, s.disclosure_version, d.sha256,
	s.secrets, s.token_hashes, s.origins, s.disabled_at IS NOT NULL, s.settings`

// secretUse ties a sealed signing secret to its purpose.
const secretUse = "source secret"

// CreateSource adds a source. Its Disclosure text gets a version, the same
// text the same one. It returns ErrTaken when the key is in use.
func (s *Store) CreateSource(ctx context.Context, src chat.Source) (chat.Source, error) {
	src.ID = newID()
	err := s.tx(ctx, "create source", func(tx pgx.Tx) error {
		var err error
		if src.DisclosureVersion, src.DisclosureSHA256, err = disclose(ctx, tx, src.Disclosure); err != nil {
			return err
		}
		settings, err := json.Marshal(src.Settings)
		if err != nil {
			return err
		}
		const q = `/* store.CreateSource */
			INSERT INTO sources (id, key, kind, business, sender, disclosure_version, secrets, token_hashes, origins, settings)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
		_, err = tx.Exec(ctx, q, src.ID, src.Key, src.Kind, src.Business, src.Sender, src.DisclosureVersion,
			s.sealAll(src.Secrets), orEmpty(src.TokenHashes), orEmpty(src.Origins), settings)
		return err
	})
	if constraint(err) == "sources_key_key" {
		return src, ErrTaken
	}
	return src, err
}

// ErrTaken: the name is in use.
var ErrTaken = errors.New("the name is in use")

// disclose records a disclosure text, once, and returns its version.
func disclose(ctx context.Context, tx pgx.Tx, text string) (version int64, sum []byte, err error) {
	hash := sha256.Sum256([]byte(text))
	const q = `/* store.disclose */
		WITH new AS (INSERT INTO disclosures (body, sha256) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING RETURNING version)
		SELECT version FROM new UNION ALL SELECT version FROM disclosures WHERE sha256 = $2 LIMIT 1`
	err = tx.QueryRow(ctx, q, text, hash[:]).Scan(&version)
	return version, hash[:], err
}

// SourceByKey returns a source, a disabled one too, or ErrNotFound.
func (s *Store) SourceByKey(ctx context.Context, key string) (chat.Source, error) {
	const q = `/* store.SourceByKey */
		SELECT ` + sourceColumns + ` FROM sources s JOIN disclosures d ON d.version = s.disclosure_version WHERE s.key = $1`
	return s.source(ctx, "source", q, key)
}

// DefaultSource is the source of a sign-up that names none: the enabled one
// with the key "default", else the only enabled one that visitors may post to.
// It returns ErrNotFound when there is none or more than one.
func (s *Store) DefaultSource(ctx context.Context) (chat.Source, error) {
	const q = `/* store.DefaultSource */
		WITH open AS (SELECT id, key FROM sources WHERE disabled_at IS NULL AND kind <> 'webhook')
		SELECT ` + sourceColumns + ` FROM sources s JOIN disclosures d ON d.version = s.disclosure_version
		JOIN open o ON o.id = s.id
		WHERE o.key = 'default' OR (SELECT count(*) FROM open) = 1
		ORDER BY (o.key = 'default') DESC LIMIT 1`
	return s.source(ctx, "default source", q)
}

// Sources lists all sources by key.
func (s *Store) Sources(ctx context.Context) ([]chat.Source, error) {
	const q = `/* store.Sources */
		SELECT ` + sourceColumns + ` FROM sources s JOIN disclosures d ON d.version = s.disclosure_version ORDER BY s.key`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, translate("sources", err)
	}
	list, err := pgx.CollectRows(rows, s.scanSource)
	return list, translate("sources", err)
}

// RotateSource puts a new secret or token hash before the source's present
// one, which stays valid; what was before that no longer is. Nil changes
// nothing.
func (s *Store) RotateSource(ctx context.Context, key string, secret, tokenHash []byte) error {
	var secrets, hashes [][]byte
	if secret != nil {
		secrets = s.sealAll([][]byte{secret})
	}
	if tokenHash != nil {
		hashes = [][]byte{tokenHash}
	}
	return s.tx(ctx, "rotate source", func(tx pgx.Tx) error {
		const q = `/* store.RotateSource */
			UPDATE sources SET updated_at = now(),
				secrets      = CASE WHEN $2::bytea[] IS NULL THEN secrets ELSE $2 || secrets[1:1] END,
				token_hashes = CASE WHEN $3::bytea[] IS NULL THEN token_hashes ELSE $3 || token_hashes[1:1] END
			WHERE key = $1 RETURNING id`
		var id uuid.UUID
		return tx.QueryRow(ctx, q, key, secrets, hashes).Scan(&id)
	})
}

func (s *Store) source(ctx context.Context, what, q string, args ...any) (chat.Source, error) {
	rows, err := s.pool.Query(ctx, q, args...)
	if err != nil {
		return chat.Source{}, translate(what, err)
	}
	src, err := pgx.CollectExactlyOneRow(rows, s.scanSource)
	return src, translate(what, err)
}

func (s *Store) scanSource(row pgx.CollectableRow) (chat.Source, error) {
	var src chat.Source
	var sealed [][]byte
	var settings []byte
	if err := row.Scan(&src.ID, &src.Key, &src.Kind, &src.Business, &src.Sender, &src.Disclosure, &src.DisclosureVersion,
		&src.DisclosureSHA256, &sealed, &src.TokenHashes, &src.Origins, &src.Disabled, &settings); err != nil {
		return src, err
	}
	for _, one := range sealed {
		secret, err := s.keys.Open(one, secretUse)
		if err != nil {
			return src, fmt.Errorf("secret of source %s: %w", src.Key, err)
		}
		src.Secrets = append(src.Secrets, secret)
	}
	return src, json.Unmarshal(settings, &src.Settings)
}

func (s *Store) sealAll(secrets [][]byte) [][]byte {
	sealed := make([][]byte, 0, len(secrets))
	for _, one := range secrets {
		sealed = append(sealed, s.keys.Seal(one, secretUse))
	}
	return sealed
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// newID makes a row's id. Version 7 ids grow with time, which keeps indexes
// compact (RFC 9562, 5.7).
func newID() uuid.UUID {
	return uuid.Must(uuid.NewV7()) // fails only if the system's generator does
}
