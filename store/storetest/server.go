package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/migrations"
	"textme/store/pgembed"
)

// urlEnv names the setting for a server that runs already.
const urlEnv = "TEST_DATABASE_URL"

// server is where databases are cloned.
type server struct {
	url      url.URL // of the database that admin is connected to
	admin    *pgxpool.Pool
	template string
	strategy string // clause of CREATE DATABASE
	clones   atomic.Int64

	dir  string    // of the server that we started, "" if it was there
	life io.Closer // open as long as we live, see removeAfterExit
}

// shared starts this process's server at the first call. It is the package's
// only state, and must be: tests of one process share the server.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if dsn := os.Getenv(urlEnv); dsn != "" {
		return use(ctx, dsn)
	}
	return start(ctx)
})

// start runs a server of our own in a temporary folder.
func start(ctx context.Context) (*server, error) {
	root, inMemory := pgembed.TempRoot()
	dir, err := os.MkdirTemp(root, "textme-test-")
	if err != nil {
		return nil, err
	}
	life, err := removeAfterExit(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// Started by root, PostgreSQL runs as an account that must get to its data.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the data itself lies in a private folder
		return nil, err
	}
	running, err := pgembed.Start(ctx, pgembed.Options{Dir: filepath.Join(dir, clusterName), Database: "postgres", Fast: true})
	if err != nil {
		return nil, err
	}
	s, err := connect(ctx, running.DSN)
	if err != nil {
		return nil, err
	}
	s.dir, s.life = dir, life
	if inMemory {
		err = s.copyFiles(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s, s.makeTemplate(ctx)
}

// use takes the server at dsn and drops what earlier runs left there.
func use(ctx context.Context, dsn string) (*server, error) {
	s, err := connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", urlEnv, err)
	}
	return s, errors.Join(s.sweep(ctx), s.makeTemplate(ctx))
}

func connect(ctx context.Context, dsn string) (*server, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("want a URL that begins with postgres://")
	}
	admin, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, err
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return &server{url: *u, admin: admin, template: namePrefix + hex.EncodeToString(id[:])}, nil
}

// dsn returns the URL of another database on the server.
func (s *server) dsn(database string) string {
	u := s.url
	u.Path = "/" + database
	return u.String()
}

// copyFiles has databases copied file by file. That flushes all data to disk
// twice, so it is only faster than PostgreSQL's default, which writes the copy
// to the log, when there is no disk. There is no choice before 15:
// https://www.postgresql.org/docs/current/sql-createdatabase.html
func (s *server) copyFiles(ctx context.Context) error {
	var version int
	if err := s.admin.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return err
	}
	if version >= 150000 {
		s.strategy = " STRATEGY file_copy"
	}
	return nil
}

func (s *server) makeTemplate(ctx context.Context) error {
	if err := s.claim(ctx); err != nil {
		return err
	}
	if _, err := s.admin.Exec(ctx, `CREATE DATABASE `+quote(s.template)); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, s.dsn(s.template))
	if err != nil {
		return err
	}
	defer pool.Close() // a template with connections cannot be copied
	_, err = migrations.Up(ctx, pool)
	return err
}

func (s *server) clone(ctx context.Context) (name string, err error) {
	name = fmt.Sprintf("%s_%d", s.template, s.clones.Add(1))
	_, err = s.admin.Exec(ctx, `CREATE DATABASE `+quote(name)+` TEMPLATE `+quote(s.template)+s.strategy)
	return name, err
}

func (s *server) drop(ctx context.Context, name string) error {
	_, err := s.admin.Exec(ctx, `DROP DATABASE IF EXISTS `+quote(name)+` WITH (FORCE)`)
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
