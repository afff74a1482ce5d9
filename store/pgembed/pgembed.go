// Package pgembed runs a PostgreSQL server as a child of the program that needs
// one, so that textme and its tests work on a machine where nobody has set up a
// database. It brings no server along: it looks for an installed one (14 or
// newer) and keeps the data in a folder of the caller's choice.
//
// The server answers on a Unix socket only, in a folder no other account may
// enter. It works for root too, although PostgreSQL refuses uid 0: the server
// then runs as another account or inside a user namespace. Several processes
// may start the same folder at once: one owns the server, the others attach.
// Whatever was killed in between, the next Start comes up with every committed
// row.
//
// On Linux the kernel stops the server when its owner dies, even by kill -9.
// Elsewhere the server then stays, and the next Start attaches to it. The
// package needs flock, so it does not build on Windows.
package pgembed

import (
	"context"
	"errors"
	"fmt"
)

// Options says which server Start runs. Only Dir is required.
type Options struct {
	// Dir holds the data, the socket, the lock and the log (postgres.log). It is
	// made if missing, with mode 0700, and must hold nothing else.
	Dir string

	// Database is created when it is missing; "" means "textme".
	Database string

	// ExtraBinDirs are folders to look for a server in, besides the known ones.
	ExtraBinDirs []string

	// Fast trades durability for speed: a crash of the machine, or of the server,
	// may lose or spoil data. For tests.
	Fast bool

	// Settings are further server settings by name, such as "work_mem": "64MB".
	// They win over this package's, except those that keep the server private
	// (listen_addresses, port, unix_socket_directories).
	Settings map[string]string

	// Log hears of a step that may take a second or more, before it begins. Nil
	// means nobody listens.
	Log func(step string)
}

// Server is a running server, owned by this process or by another one.
type Server struct {
	// DSN is the URL of the database, for pgx and psql. Its user is a superuser.
	DSN string

	// Owned says that this process started the server and Stop will stop it.
	// False means that another process did: when that one ends, so does the
	// server, our connections break, and calling Start again makes us the owner.
	Owned bool

	process *process // nil unless Owned
}

// Start returns once the server in o.Dir answers and the database exists: about
// a second the first time, a tenth of one later. It waits as long as ctx allows
// for another process that is starting or stopping the same server, and for
// recovery after a crash. Once Start has returned, ctx no longer matters.
//
// Errors: ErrNoServer if no server is installed, ErrOtherVersion if the data
// belongs to a version that is not installed (it is left alone), ctx's own.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Database == "" {
		o.Database = "textme"
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	s, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start postgres in %s: %w", o.Dir, err)
	}
	return s, nil
}

func start(ctx context.Context, o Options) (*Server, error) {
	servers, err := findServers(ctx, binDirs(o.ExtraBinDirs))
	if err != nil {
		return nil, err
	}
	dir, err := resolve(o.Dir)
	if err != nil {
		return nil, err
	}
	who, err := chooseIdentity(ctx, dir, servers[0])
	if err != nil {
		return nil, err
	}
	if err := who.ensurePrivate(dir); err != nil {
		return nil, err
	}
	c := cluster{Options: o, dir: dir, socket: socketDir(dir), who: who}
	lock, free, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{DSN: dsn(c.socket, o.Database), Owned: free}
	if free {
		if s.process, err = c.run(ctx, servers, lock); err != nil {
			return nil, err
		}
	}
	if err := createDatabase(ctx, c.socket, o.Database); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

// Stop shuts an owned server down and returns when it is gone. Open connections
// are cut, transactions in progress roll back, the data is written out. When
// ctx ends first the server is stopped at once, and recovers at the next Start;
// Stop then returns ctx's error. Otherwise it returns the error the server
// ended with, if any, whenever that was. Calling Stop again, also from several
// goroutines, returns the same; on a server that is not ours it does nothing.
func (s *Server) Stop(ctx context.Context) error {
	if !s.Owned {
		return nil
	}
	return s.process.stop(ctx)
}
