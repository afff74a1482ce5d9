package twiliosim

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// pageTemplates holds one set per page, each with the layout and the handset.
type pageTemplates struct{ all, one, handset *template.Template }

func parsePages() (pageTemplates, error) {
	parse := func(names ...string) (*template.Template, error) {
		for i, n := range names {
			names[i] = "page/" + n
		}
		return template.ParseFS(pageFiles, names...)
	}
	var p pageTemplates
	var err error
	if p.all, err = parse("layout.html", "handset.html", "all.html"); err != nil {
		return p, fmt.Errorf("parse the page of all phones: %w", err)
	}
	if p.one, err = parse("layout.html", "handset.html", "one.html"); err != nil {
		return p, fmt.Errorf("parse the page of one phone: %w", err)
	}
	if p.handset, err = parse("handset.html"); err != nil {
		return p, fmt.Errorf("parse the handset: %w", err)
	}
	return p, nil
}

// pageRoutes is the phone page. It works without JavaScript by posting forms;
// the script adds live updates. Posts from other origins are refused.
func (s *Server) pageRoutes(mux *http.ServeMux) error {
	pages, err := parsePages()
	if err != nil {
		return err
	}
	guard := http.NewCrossOriginProtection()
	on := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, guard.Handler(strict(h)))
	}
	on("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { s.servePhones(w, pages) })
	on("POST /phones", func(w http.ResponseWriter, r *http.Request) { s.openPhone(w, r, pages) })
	on("GET /phone/{phone}", func(w http.ResponseWriter, r *http.Request) { s.servePhone(w, r, pages) })
	on("GET /phone/{phone}/handset", func(w http.ResponseWriter, r *http.Request) { s.serveHandset(w, r, pages) })
	on("POST /phone/{phone}/texts", func(w http.ResponseWriter, r *http.Request) { s.textFromPage(w, r, pages) })
	on("POST /phone/{phone}/outcomes", func(w http.ResponseWriter, r *http.Request) { s.outcomeFromPage(w, r, pages) })
	on("GET /events", s.serveEvents)
	for _, name := range []string{"phone.css", "phone.js", "icon.svg"} {
		on("GET /assets/"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, pageFiles, "page/"+name)
		})
	}
	return nil
}

// strict sets the headers of everything the page serves. Nothing is inline and
// nothing comes from elsewhere.
func strict(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		next(w, r)
	}
}

func (s *Server) servePhones(w http.ResponseWriter, pages pageTemplates) {
	render(w, http.StatusOK, pages.all, "layout", s.viewAll())
}

// openPhone adds a handset by its number and goes to it.
func (s *Server) openPhone(w http.ResponseWriter, r *http.Request, pages pageTemplates) {
	phone := tidyNumber(r.FormValue("phone"))
	if problem := s.notAHandset(phone); problem != "" {
		view := s.viewAll()
		view.NewPhone, view.Problem = r.FormValue("phone"), problem
		render(w, http.StatusUnprocessableEntity, pages.all, "layout", view)
		return
	}
	c := s.begin(fromTwilio)
	c.handset(phone)
	c.commit()
	c.release()
	http.Redirect(w, r, "/phone/"+phone, http.StatusSeeOther)
}

// notAHandset says why a number cannot be a phone here, "" if it can.
func (s *Server) notAHandset(phone string) string {
	switch {
	case channelOf(phone) == "":
		return "Enter a number with its country code, like +15558675310."
	case slices.Contains(s.opts.Senders, phone):
		return "That number is one of the account’s senders, not a phone."
	}
	return ""
}

// tidyNumber drops what people put between digits.
func tidyNumber(s string) string {
	return strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "").Replace(s)
}

func (s *Server) servePhone(w http.ResponseWriter, r *http.Request, pages pageTemplates) {
	phone := r.PathValue("phone")
	if s.notAHandset(phone) != "" {
		http.NotFound(w, r)
		return
	}
	render(w, http.StatusOK, pages.one, "layout", s.viewOne(phone))
}

// serveHandset is one handset without the page around it, for the script.
func (s *Server) serveHandset(w http.ResponseWriter, r *http.Request, pages pageTemplates) {
	phone := r.PathValue("phone")
	if s.notAHandset(phone) != "" {
		http.NotFound(w, r)
		return
	}
	render(w, http.StatusOK, pages.handset, "handset", s.viewHandset(phone))
}

// textFromPage sends a text; a keyword button stands in for the text box.
func (s *Server) textFromPage(w http.ResponseWriter, r *http.Request, pages pageTemplates) {
	phone, body := r.PathValue("phone"), r.FormValue("quick")
	if body == "" {
		body = r.FormValue("body")
	}
	if _, err := s.Handset(phone).Text(r.FormValue("to"), body); err != nil {
		s.refuseOnPage(w, r, pages, "The text was not sent: "+err.Error()+".")
		return
	}
	backTo(w, r)
}

// outcomeFromPage lines up how the next text, or every text, ends.
func (s *Server) outcomeFromPage(w http.ResponseWriter, r *http.Request, pages pageTemplates) {
	h := s.Handset(r.PathValue("phone"))
	if s.notAHandset(h.Phone()) != "" {
		http.NotFound(w, r)
		return
	}
	status, code, _ := strings.Cut(r.FormValue("outcome"), " ")
	o := Outcome{Status: status}
	if code != "" {
		n, err := strconv.Atoi(code)
		if err != nil {
			s.refuseOnPage(w, r, pages, "That delivery outcome is unknown.")
			return
		}
		o.ErrorCode = n
	}
	set := func() error { return h.Next(o) }
	if r.FormValue("every") != "" {
		set = func() error { return h.Always(o) }
	}
	if err := set(); err != nil {
		s.refuseOnPage(w, r, pages, "That delivery outcome is unknown.")
		return
	}
	backTo(w, r)
}

// refuseOnPage shows the phone again with what was wrong and what was typed.
func (s *Server) refuseOnPage(w http.ResponseWriter, r *http.Request, pages pageTemplates, problem string) {
	phone := r.PathValue("phone")
	if s.notAHandset(phone) != "" {
		http.NotFound(w, r)
		return
	}
	view := s.viewOne(phone)
	view.Phones[0].Problem, view.Phones[0].Draft = problem, r.FormValue("body")
	render(w, http.StatusUnprocessableEntity, pages.one, "layout", view)
}

// backTo returns to the page the form was on: all phones or one.
func backTo(w http.ResponseWriter, r *http.Request) {
	to := "/phone/" + r.PathValue("phone")
	if r.FormValue("from") == "all" {
		to = "/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// render goes through a buffer, so that an error cannot follow half a page.
func render(w http.ResponseWriter, status int, t *template.Template, name string, data any) {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "render: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader may have gone away
}
