package store_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"textme/chat"
	"textme/store"
	"textme/store/storetest"
)

// Whoever has statements logged is told when their parameters are too: where our role
// may not turn that off.
func TestParametersLogged(t *testing.T) {
	t.Parallel()
	keys, err := chat.NewKeyring(make([]byte, chat.MinSecret))
	must(t, err)
	for _, tt := range []struct {
		name     string
		settings map[string]string
		want     bool
	}{
		{"as a superuser", map[string]string{"log_min_duration_statement": "1h"}, false},
		{"no statement is logged", map[string]string{"role": "pg_monitor"}, false},
		{"slow ones are", map[string]string{"log_min_duration_statement": "1h", "role": "pg_monitor"}, true},
		{"writing ones are", map[string]string{"log_statement": "mod", "role": "pg_monitor"}, true},
		{"some are", map[string]string{"log_transaction_sample_rate": "0.1", "role": "pg_monitor"}, true},
		{"some slow ones are", map[string]string{"log_min_duration_sample": "1h", "role": "pg_monitor"}, true},
		{"without their parameters", map[string]string{"log_min_duration_statement": "1h", "log_parameter_max_length": "0", "role": "pg_monitor"}, false},
	} {
		dsn, err := url.Parse(storetest.DSN(t))
		must(t, err)
		q := dsn.Query()
		for name, value := range tt.settings {
			q.Set(name, value)
		}
		dsn.RawQuery = q.Encode()
		pool, err := store.Open(t.Context(), dsn.String(), 1)
		must(t, err)
		logged, err := store.New(pool, keys, nil, nil).ParametersLogged(t.Context())
		pool.Close()
		if err != nil || logged != tt.want {
			t.Errorf("%s: logged %t, %v; want %t", tt.name, logged, err, tt.want)
		}
	}
}

// Whoever may keep parameters out of Postgres' log does so; others can connect.
func TestOpenHidesParameters(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t)
	admin, err := store.Open(t.Context(), dsn, 1)
	must(t, err)
	t.Cleanup(admin.Close)
	role := "textme_plain_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	exec := func(q string) {
		t.Helper()
		_, err := admin.Exec(t.Context(), q)
		must(t, err)
	}
	exec(`CREATE ROLE ` + role)
	length := func(dsn string) (n int) {
		t.Helper()
		pool, err := store.Open(t.Context(), dsn, 1)
		must(t, err)
		defer pool.Close()
		must(t, pool.QueryRow(t.Context(), `SELECT setting::int FROM pg_settings WHERE name = 'log_parameter_max_length'`).Scan(&n))
		return n
	}
	as := dsn + "&role=" + role
	if !strings.Contains(dsn, "?") {
		as = dsn + "?role=" + role
	}
	if n := length(dsn); n != 0 {
		t.Errorf("a superuser has %d bytes of each parameter logged", n)
	}
	if n := length(as); n == 0 {
		t.Error("a plain role is allowed it: the test proves nothing")
	}
	var version int
	must(t, admin.QueryRow(t.Context(), `SELECT current_setting('server_version_num')::int`).Scan(&version))
	if version >= 150000 { // https://www.postgresql.org/docs/15/sql-grant.html
		exec(`GRANT SET ON PARAMETER log_parameter_max_length TO ` + role)
		if n := length(as); n != 0 {
			t.Errorf("who was granted it has %d bytes of each parameter logged", n)
		}
		exec(`REVOKE SET ON PARAMETER log_parameter_max_length FROM ` + role)
	}
	exec(`DROP ROLE ` + role)
}
