// Command textme turns a phone number typed into a website into a text
// conversation. One binary: `textme dev` runs everything on one machine with a
// simulated Twilio, `textme serve` runs the service against Postgres and a
// Twilio account, and the other commands are an operator's tools.
//
// This package wires the others together and holds nothing else: one file per
// subcommand, settings in settings.go, the service's parts in app.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes, the same for every command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], world{getenv: os.Getenv, in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// world is what a command sees of the process it runs in; tests bring their
// own.
type world struct {
	getenv   func(string) string
	in       io.Reader
	out, err io.Writer
}

// commands are the subcommands and their arguments.
type commands struct {
	Dev           devCommand           `cmd:"" help:"Run everything on this machine: embedded Postgres, simulated Twilio, the service, a phone page."`
	Serve         serveCommand         `cmd:"" help:"Run the service on a given Postgres with a Twilio account."`
	Migrate       migrateCommand       `cmd:"" help:"Show or change the database schema."`
	Sources       sourcesCommand       `cmd:"" help:"Manage the places sign-ups come from."`
	Admins        adminsCommand        `cmd:"" help:"Manage who may sign in to the admin page."`
	Conversations conversationsCommand `cmd:"" help:"Create, show and close conversations at Twilio."`
	Participants  participantsCommand  `cmd:"" help:"Add a phone to a conversation at Twilio as an SMS participant, or list who is in it."`
	Webhooks      webhooksCommand      `cmd:"" help:"Show or make the settings at Twilio that bring its events here."`
	Jobs          jobsCommand          `cmd:"" help:"List the jobs of the queue and run failed ones again."`
	Events        eventsCommand        `cmd:"" help:"List what Twilio told us, and apply it again."`
	Reconcile     reconcileCommand     `cmd:"" help:"Have every conversation compared with Twilio's now, such as after restoring a backup."`
	Why           whyCommand           `cmd:"" help:"Explain what became of a person's sign-ups and what every rule says now."`
	Explain       explainCommand       `cmd:"" name:"explain-signature" help:"Tell whether a captured webhook's signature is valid and, if not, what would have matched."`
	Healthcheck   healthcheckCommand   `cmd:"" help:"Ask a running service whether it is ready; for containers."`
	Version       versionCommand       `cmd:"" help:"Print the version."`
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, w world) int {
	var cli commands
	exit := -1
	parser, err := kong.New(&cli,
		kong.Name("textme"),
		kong.Description("Turns a phone number typed into a website into a text conversation.\n\nEvery setting is a flag and an environment variable: --public-url is PUBLIC_URL."),
		kong.Writers(w.out, w.err),
		kong.Exit(func(code int) { exit = code }),
		kong.Resolvers(environment(w.getenv)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(w),
	)
	if err != nil {
		fmt.Fprintln(w.err, "textme:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // help was shown
		return exit
	}
	if err != nil {
		fmt.Fprintf(w.err, "textme: %v\nRun \"textme --help\" for the commands.\n", err)
		return exitUsage
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(w.err, "textme:", err)
		var usage usageError
		if errors.As(err, &usage) {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

// usageError is a mistake in the command line or the settings.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
