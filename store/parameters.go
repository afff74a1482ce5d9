package store

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// Phones and texts only ever are parameters of statements, and those do not belong
// in Postgres' log
// (https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-LOG-PARAMETER-MAX-LENGTH).

// hideParameters keeps them out of the log of slow statements. It takes a superuser, or
// a role that was granted the setting, and Postgres 13; others are not refused for it,
// and no error is logged.
func hideParameters(ctx context.Context, conn *pgconn.PgConn) error {
	const q = `/* store.hideParameters */
		DO $$ BEGIN
			PERFORM set_config('log_parameter_max_length', '0', false);
		EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
		END $$`
	return conn.Exec(ctx, q).Close()
}

// ParametersLogged reports whether Postgres is set to log statements, slow ones, all of
// a kind or some, with their parameters, which our role may not turn off.
func (s *Store) ParametersLogged(ctx context.Context) (logged bool, err error) {
	const q = `/* store.ParametersLogged */
		SELECT coalesce(current_setting('log_parameter_max_length', true), '-1') <> '0'
			AND (current_setting('log_min_duration_statement') <> '-1' OR current_setting('log_statement') IN ('mod', 'all')
				OR coalesce(current_setting('log_min_duration_sample', true), '-1') <> '-1'
				OR coalesce(current_setting('log_transaction_sample_rate', true), '0') <> '0')`
	err = s.pool.QueryRow(ctx, q).Scan(&logged)
	return logged, translate("parameters logged", err)
}
