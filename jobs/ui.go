package jobs

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"riverqueue.com/riverui"
)

// UI is River's own page about the queue, for people: what is waiting, what
// failed and why, with a button to run it again. It asks nobody who they are;
// whoever mounts it must.
//
// Every answer carries a Content-Security-Policy that allows the page its own
// files and calls to its own interface, and nothing inline.
type UI struct {
	page *riverui.Handler
}

// NewUI makes the page for a place under prefix, a path such as /admin/jobs.
// Requests are served as they come, prefix included. Call Start before.
func NewUI(q *Queue, prefix string, log *slog.Logger) (*UI, error) {
	page, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints(q.client, nil),
		Logger:    log.With("component", "riverui"),
		Prefix:    prefix,
	})
	if err != nil {
		return nil, fmt.Errorf("jobs page: %w", err)
	}
	return &UI{page}, nil
}

// Start begins to count the jobs now and then, until ctx ends, so that looking
// at the page need not count millions.
func (u *UI) Start(ctx context.Context) error {
	if err := u.page.Start(ctx); err != nil {
		return fmt.Errorf("start jobs page: %w", err)
	}
	return nil
}

// themeStyle is the hash of the stylesheet that the page's script adds for a
// moment while it chooses light or dark: no transitions meanwhile.
const themeStyle = "'sha256-skqujXORqzxt1aE0NNXxujEanPTX6raoqSscTV/Ww/Y='"

// ServeHTTP implements http.Handler.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+"' "+themeStyle+"; "+
		"img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'")
	r.Header.Del("Range") // of a page that is rewritten
	out := &rewriter{ResponseWriter: w, nonce: nonce}
	u.page.ServeHTTP(out, r)
	out.flush()
}

// rewriter gives the page the one inline stylesheet that its script would make
// itself, for the notices it shows (the script looks for an element of this
// id), but with the nonce that the policy asks for. Whatever is not HTML
// passes through.
type rewriter struct {
	http.ResponseWriter
	nonce  string
	status int
	html   *bytes.Buffer // nil: not HTML
}

// WriteHeader implements http.ResponseWriter.
func (w *rewriter) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		w.html = new(bytes.Buffer)
		w.Header().Del("Content-Length")
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *rewriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.html != nil {
		return w.html.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

func (w *rewriter) flush() {
	if w.html == nil {
		return
	}
	style := `<style id="_goober" nonce="` + w.nonce + `"> </style></head>`
	w.ResponseWriter.WriteHeader(w.status)
	_, _ = w.ResponseWriter.Write(bytes.Replace(w.html.Bytes(), []byte("</head>"), []byte(style), 1)) // nobody is left to tell
}
