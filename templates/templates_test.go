package templates

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// parseOnce parses the real pages for all tests: they are immutable.
var parseOnce = sync.OnceValues(New)

func newTemplates(t *testing.T) *Templates {
	t.Helper()
	tpl, err := parseOnce()
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// render executes page with the real templates.
func render(t *testing.T, page Page) string {
	t.Helper()
	var out strings.Builder
	if err := newTemplates(t).Execute(&out, page); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExecuteRefusesUndeclaredPages(t *testing.T) {
	t.Parallel()
	tpl := newTemplates(t)
	tests := map[string]Page{
		"nil":              nil,
		"pointer":          &ThanksPage{},
		"nil pointer":      (*ThanksPage)(nil),
		"embedding a page": struct{ ThanksPage }{},
	}
	for name, page := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := tpl.Execute(&out, page); err == nil {
				t.Errorf("Execute(%T) gave no error", page)
			}
			if out.Len() != 0 {
				t.Errorf("Execute(%T) wrote %d bytes", page, out.Len())
			}
		})
	}
}

// brokenPage fails in the middle of its file.
type brokenPage struct{}

func (brokenPage) sources() []string { return []string{"broken.html"} }

func (brokenPage) Fail() (string, error) { return "", errors.New("broken on purpose") }

func TestExecuteNeverSendsHalfAPage(t *testing.T) {
	t.Parallel()
	sets, err := parse(fstest.MapFS{
		layout:        {Data: []byte("<p>first half</p>{{template \"main\" .Page}}")},
		"broken.html": {Data: []byte("{{define \"main\"}}{{.Fail}}{{end}}")},
	}, []Page{brokenPage{}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = (&Templates{sets: sets}).Execute(&out, brokenPage{})
	if err == nil || !strings.Contains(err.Error(), "broken on purpose") {
		t.Errorf("Execute error = %v, want the page's own", err)
	}
	if out.Len() != 0 {
		t.Errorf("Execute wrote %q before failing", out.String())
	}
}

// brokenWriter refuses every write.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestExecuteReportsWriteErrors(t *testing.T) {
	t.Parallel()
	err := newTemplates(t).Execute(brokenWriter{}, ThanksPage{})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Execute error = %v, want %v", err, io.ErrClosedPipe)
	}
}

func TestParseFindsFaultsAtBoot(t *testing.T) {
	t.Parallel()
	good := func() fstest.MapFS {
		return fstest.MapFS{
			layout:        {Data: []byte("{{template \"main\" .Page}}")},
			"broken.html": {Data: []byte("{{define \"main\"}}{{end}}")},
		}
	}
	tests := map[string]struct {
		change func(fstest.MapFS)
		want   string // in the error; empty for none
	}{
		"nothing":        {func(fstest.MapFS) {}, ""},
		"missing page":   {func(f fstest.MapFS) { delete(f, "broken.html") }, "broken.html"},
		"missing layout": {func(f fstest.MapFS) { delete(f, layout) }, layout},
		"orphan file":    {func(f fstest.MapFS) { f["orphan.html"] = &fstest.MapFile{} }, "orphan.html belongs to no page"},
		"malformed":      {func(f fstest.MapFS) { f["broken.html"] = &fstest.MapFile{Data: []byte("{{if}}")} }, "missing value for if"},
		"unknown function": {
			func(f fstest.MapFS) { f["broken.html"] = &fstest.MapFile{Data: []byte("{{safe .}}")} },
			"\"safe\" not defined",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := good()
			tt.change(fsys)
			_, err := parse(fsys, []Page{brokenPage{}})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("parse: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("parse error = %v, want one with %q", err, tt.want)
			}
		})
	}
}
