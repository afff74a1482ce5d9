package twiliosim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxBody bounds a request's form; Twilio's largest field is 16 KB of attributes.
const maxBody = 256 << 10

// apiHost is the host in url, links and paging addresses, as at Twilio: a
// client that follows them must be the one that redirects.
const apiHost = "https://conversations.twilio.com/v1"

// origin says who caused a change, which decides what webhooks it raises.
type origin int

const (
	fromREST   origin = iota // X-Twilio-Webhook-Enabled decides
	fromPhone                // a text from a handset: always raises
	fromTwilio               // timers, carriers, Twilio itself: always raises
)

// call is one API call while the Server's lock is held.
type call struct {
	*change
	r       *http.Request
	form    url.Values // the body of a POST, else the query
	route   string     // as rules name it
	service string     // IS… the call acts on
	long    bool       // it came through /v1/Services/{IS}/…
	limited bool       // it went over one of the Limits
}

// endpoint carries out one call. A nil body with a nil error answers 204.
type endpoint func(*call) (body any, err *apiError)

// api wraps an endpoint into what every call goes through: counting, faults,
// authentication, the form, the lock, and the webhooks after the answer.
func (s *Server) api(pattern, route string, status int, do endpoint) http.Handler {
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, route, status, do)
	})
	if s.opts.Fault != nil {
		h = s.opts.Fault(h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{ResponseWriter: w, s: s, route: route}
		s.arrive(v, pattern)
		defer s.finish(v)
		h.ServeHTTP(v, r)
	})
}

// answer lets the faults have their say and carries the call out, if they do.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, route string, status int, do endpoint) {
	p := &passage{w: w, visit: visitOf(w), s: s, r: r, route: route}
	if p.down() {
		return
	}
	form, err := readForm(w, r)
	p.carryOut = func(w http.ResponseWriter) {
		switch {
		case !s.authenticated(r):
			writeError(w, unauthenticated())
		case err != nil:
			writeError(w, err)
		default:
			s.carryOut(w, &call{r: r, form: form, route: route}, status, do)
		}
	}
	if f := p.fault(form); f != nil {
		p.play(f)
		return
	}
	p.carryOut(w)
}

func (s *Server) carryOut(w http.ResponseWriter, c *call, status int, do endpoint) {
	c.change = s.begin(fromREST)
	c.loud = c.r.Header.Get("X-Twilio-Webhook-Enabled") == "true"
	body, err := c.perform(do)
	wait := s.limits.RetryAfter
	c.commit()
	answer := func() {
		if err != nil {
			if c.limited && wait > 0 {
				w.Header().Set("Retry-After", retryAfter(wait))
			}
			writeError(w, err)
		} else {
			writeJSON(w, status, body)
		}
		// The error is of no use: a recorder cannot flush.
		_ = http.NewResponseController(w).Flush()
	}
	if c.early() {
		s.await(c.release())
		answer()
		return
	}
	// The answer leaves before the webhooks it causes, as it nearly always does
	// over real distances.
	answer()
	c.release()
}

func (c *call) perform(do endpoint) (any, *apiError) {
	c.service = c.s.w.account.DefaultServiceSID
	if sid := c.r.PathValue("ChatServiceSid"); sid != "" {
		if c.s.w.service(sid) == nil {
			return nil, notFound("/Services/" + sid)
		}
		c.service, c.long = sid, true
	}
	if err := c.overLimit(); err != nil {
		c.limited = true
		c.s.count("limit " + strconv.Itoa(err.code))
		return nil, err
	}
	if code := c.refusedBySwitch(); code != 0 {
		c.s.count(Fault{Kind: Refusal, Code: code}.String())
		return nil, refusal(code)
	}
	return do(c)
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *apiError) {
	if r.Method != http.MethodPost {
		return r.URL.Query(), nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, refuse(20001, "Invalid request body")
	}
	return r.PostForm, nil
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // the caller may have gone away
}

func writeError(w http.ResponseWriter, e *apiError) {
	visitOf(w).code = e.code
	writeJSON(w, e.status, e.body())
}

// url is the address of a resource in the family the call came through.
func (c *call) url(path string) string {
	if c.long {
		return apiHost + "/Services/" + c.service + path
	}
	return apiHost + path
}

// inFamily adds chat_service_sid where only the service family shows it.
func (c *call) inFamily(body map[string]any) map[string]any {
	if c.long {
		body["chat_service_sid"] = c.service
	}
	return body
}

func (c *call) conversation() (*conversation, *apiError) {
	id := c.r.PathValue("ConversationSid")
	if conv := c.s.w.find(c.service, id); conv != nil {
		return conv, nil
	}
	return nil, notFound("/Conversations/" + id)
}

// text returns a parameter and whether it was sent at all.
func (c *call) text(name string) (string, bool) {
	return c.form.Get(name), c.form.Has(name)
}

// set overwrites *to if the parameter was sent and is at most limit characters.
func (c *call) set(to *string, name string, limit int) *apiError {
	v, sent := c.text(name)
	if !sent {
		return nil
	}
	if len([]rune(v)) > limit {
		return invalid(name)
	}
	*to = v
	return nil
}

// setAttributes overwrites *to if Attributes was sent and is JSON.
func (c *call) setAttributes(to *string, limit int) *apiError {
	v, sent := c.text("Attributes")
	if !sent {
		return nil
	}
	if v == "" {
		v = "{}"
	}
	if len(v) > limit || !json.Valid([]byte(v)) {
		return invalid("Attributes")
	}
	*to = v
	return nil
}

// setDates honours DateCreated and DateUpdated, which Twilio takes as given.
func (c *call) setDates(created, updated *time.Time) *apiError {
	for name, to := range map[string]*time.Time{"DateCreated": created, "DateUpdated": updated} {
		v, sent := c.text(name)
		if !sent {
			continue
		}
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return invalid(name)
		}
		*to = t.UTC()
	}
	return nil
}

// date is the API's form of a moment: UTC, whole seconds.
func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// orNull is null in place of the empty string.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
