package twilio

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// reader reads the parameters of one webhook and remembers the first that is
// not as it should be. A parameter that failed reads as its zero value.
type reader struct {
	params  params
	problem string
}

func (r *reader) fail(name, what string) {
	if r.problem == "" {
		r.problem = name + " " + what
	}
}

// text reads a parameter that comes once at the most; "" when it does not come.
func (r *reader) text(name string) string {
	i := slices.IndexFunc(r.params, func(p param) bool { return string(p.name) == name })
	if i < 0 {
		return ""
	}
	if i+1 < len(r.params) && string(r.params[i+1].name) == name {
		r.fail(name, "is repeated")
		return ""
	}
	s := string(r.params[i].value)
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		r.fail(name, "is not text")
		return ""
	}
	return s
}

// number reads a count or code, 0 when it does not come. Postgres' integer
// bounds it.
func (r *reader) number(name string) int {
	s := r.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		r.fail(name, "is not a number")
	}
	return int(n)
}

// needNumber reads a number that must come.
func (r *reader) needNumber(name string) int {
	if r.text(name) == "" {
		r.fail(name, "is missing")
	}
	return r.number(name)
}

// time reads a date, which webhooks give in milliseconds. One that cannot be
// read is as good as none: when it happened is not worth losing what happened.
func (r *reader) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339, r.text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// The bounds of Media, in bytes and in arrays and objects. A text has up to ten
// files, each of which takes one object and some two hundred bytes
// (https://www.twilio.com/docs/conversations-classic/conversations-limits). JSON
// made for the purpose takes a hundred times its length to decode, and a stack
// as deep as it is nested.
const (
	maxMedia       = 16 << 10
	maxMediaNested = 200
)

// media reads Media, a JSON array in a string, and the service its files are kept
// in; nil when it does not come.
func (r *reader) media(name string) json.RawMessage {
	s := r.text(name)
	if s == "" {
		return nil
	}
	if len(s) > maxMedia || strings.Count(s, "[")+strings.Count(s, "{") > maxMediaNested {
		r.fail(name, "holds too much")
		return nil
	}
	var files []any
	if err := json.Unmarshal([]byte(s), &files); err != nil {
		r.fail(name, "is not a JSON array")
		return nil
	}
	return mediaJSON(files, r.text("ChatServiceSid"))
}

// sid is a typed SID of one kind.
type sid interface {
	~string
	Valid() bool
}

// readSID reads a SID that may be missing.
func readSID[S sid](r *reader, name string) S {
	s := S(r.text(name))
	if s != "" && !s.Valid() {
		r.fail(name, "is malformed")
		return ""
	}
	return s
}

// needSID reads a SID that must come.
func needSID[S sid](r *reader, name string) S {
	s := readSID[S](r, name)
	if s == "" {
		r.fail(name, "is missing")
	}
	return s
}

// receiptSID is DY…, a delivery receipt.
type receiptSID string

// Valid reports whether s has that shape.
func (s receiptSID) Valid() bool { return receiptPattern.MatchString(string(s)) }

// userSID is US…, a user.
type userSID string

// Valid reports whether s has that shape.
func (s userSID) Valid() bool { return userPattern.MatchString(string(s)) }

// channelSID is the carrier's message, SM… or MM… or that of another channel.
type channelSID string

// Valid reports whether s has that shape.
func (s channelSID) Valid() bool { return channelPattern.MatchString(string(s)) }

var (
	receiptPattern = regexp.MustCompile(`^DY[0-9a-fA-F]{32}$`)
	userPattern    = regexp.MustCompile(`^US[0-9a-fA-F]{32}$`)
	channelPattern = regexp.MustCompile(`^[A-Z]{2}[0-9a-fA-F]{32}$`)
)
