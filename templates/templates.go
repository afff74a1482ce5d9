// Package templates holds every page textme serves, as typed structs over
// html/template, with the one stylesheet and the icon they need. All of it is
// embedded: nothing is read from disk at run time.
//
// A page is a struct (SignupPage, ConversationsPage, …). The caller fills it
// and hands it to Execute; which files draw it is declared once, in the table
// below, and checked when New parses them. A page struct holds only data to be
// shown, so the wording lives in the files, and an outcome that must not be
// told to a visitor has no field to be told in.
//
// The pages work without JavaScript and under a Content-Security-Policy of
// "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'":
// no script, no inline style, no handler attribute. Data reaches them only
// through html/template's contextual escaping; template.HTML and its siblings
// are never used.
package templates

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"reflect"
)

//go:embed *.html
var files embed.FS

// Page is one of the page structs of this package, by value. The set is
// closed: no other package can add to it.
type Page interface {
	// sources names the files that draw the page after layout.html: the
	// frame around it first, its own file second.
	sources() []string
}

// pages declares every page. A page left out cannot be executed, and a file
// that no page names is an error in New.
func pages() []Page {
	return []Page{
		SignupPage{},
		ThanksPage{},
		ConsentPage{},
		ErrorPage{},
		SigninPage{},
		ConversationsPage{},
		ConversationPage{},
		AdminErrorPage{},
	}
}

// Templates are the parsed pages and the hashed assets they link to. It is
// immutable after New and safe for concurrent use.
type Templates struct {
	sets   map[reflect.Type]*template.Template
	assets assets
}

// New parses every declared page once and hashes the assets. It returns an
// error if a declared file is missing or malformed, or if an embedded file
// belongs to no page; there is nothing to close.
func New() (*Templates, error) {
	sets, err := parse(files, pages())
	if err != nil {
		return nil, err
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	return &Templates{sets: sets, assets: assets}, nil
}

// document is what layout.html is executed with; the page's own blocks get
// the page alone.
type document struct {
	Stylesheet string
	Icon       string
	Page       Page
}

// Execute writes the whole HTML document for page to w in one Write, or
// nothing at all: it draws into a buffer first, so after an error the caller
// can still answer with another page. A nil page, a pointer to a page and any
// type not declared here are errors.
func (t *Templates) Execute(w io.Writer, page Page) error {
	set, ok := t.sets[reflect.TypeOf(page)]
	if !ok {
		return fmt.Errorf("execute page: %T is not a declared page", page)
	}
	var buf bytes.Buffer
	doc := document{
		Stylesheet: t.AssetPath("textme.css"),
		Icon:       t.AssetPath("favicon.svg"),
		Page:       page,
	}
	if err := set.ExecuteTemplate(&buf, layout, doc); err != nil {
		return fmt.Errorf("execute %T: %w", page, err)
	}
	if _, err := buf.WriteTo(w); err != nil {
		return fmt.Errorf("write %T: %w", page, err)
	}
	return nil
}

// layout is the file every page starts from.
const layout = "layout.html"

// parse builds one template set per page, so that two pages may define blocks
// of the same name. All faults are reported together.
func parse(fsys fs.FS, pages []Page) (map[reflect.Type]*template.Template, error) {
	var faults []error
	sets := make(map[reflect.Type]*template.Template, len(pages))
	used := map[string]bool{layout: true}
	for _, page := range pages {
		names := append([]string{layout}, page.sources()...)
		for _, name := range names {
			used[name] = true
		}
		set, err := template.New(layout).Funcs(funcs()).ParseFS(fsys, names...)
		if err != nil {
			faults = append(faults, fmt.Errorf("parse %T: %w", page, err))
			continue
		}
		sets[reflect.TypeOf(page)] = set
	}
	present, err := fs.Glob(fsys, "*.html")
	if err != nil {
		return nil, fmt.Errorf("list template files: %w", err)
	}
	for _, name := range present {
		if !used[name] {
			faults = append(faults, fmt.Errorf("template file %s belongs to no page", name))
		}
	}
	return sets, errors.Join(faults...)
}
