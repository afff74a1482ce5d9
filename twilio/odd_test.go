package twilio

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"textme/chat"
)

// oddBody is a body that a decoder might choke on.
type oddBody struct {
	body    string
	json    bool   // not a form: its hash is in the URL
	refused string // part of why, though Twilio had signed it; "" for an event
	problem string // of the event
}

// oddMessage is an inbound text with one parameter changed or added.
func oddMessage(change func(url.Values, string, string), name, value string) string {
	v := form(chat.MessageAdded, "MessageSid", testIM, "Index", "7", "Author", "+14155552671", "Body", "hi")
	change(v, name, value)
	return v.Encode()
}

// oddField is an inbound text and one more field as it stands: whoever writes
// a form may leave out most escapes.
func oddField(field string) string { return oddMessage(url.Values.Add, "Source", "SMS") + "&" + field }

// fill repeats a piece between a beginning and an end, up to n bytes.
func fill(n int, begin, piece, end string) string {
	return begin + strings.TrimSuffix(strings.Repeat(piece, (n-len(begin)-len(end))/len(piece)), ",") + end
}

// many are as many fields as the longest body has room for.
func many(field func(i int) string) string {
	var body strings.Builder
	body.WriteString(oddField("Attributes"))
	for i := 0; ; i++ {
		f := "&" + field(i)
		if body.Len()+len(f) > MaxWebhook {
			return body.String()
		}
		body.WriteString(f)
	}
}

// manyNames is media of one object, as long as it may be.
func manyNames() string {
	media := `[{"":0`
	for i := 0; len(media) < maxMedia-20; i++ {
		media += `,"` + strconv.Itoa(i) + `":0`
	}
	return media + "}]"
}

func utf16(s string) string {
	return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00"
}

func oddBodies() map[string]oddBody {
	const (
		notAForm = "the body is not a form"
		tooMany  = "the body has too many parameters"
		tooMuch  = "Media holds too much"
		room     = MaxWebhook - 1000 // of one field
	)
	set, add := url.Values.Set, url.Values.Add
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	return map[string]oddBody{
		"depth in attributes":        {body: oddField("Attributes=" + deep)},
		"depth in media":             {body: oddField("Media=" + deep), problem: tooMuch},
		"some depth in media":        {body: oddField("Media=" + deep[10_000-maxMediaNested:10_000+maxMediaNested])},
		"depth in JSON":              {body: deep, json: true, problem: notAForm},
		"endless depth in JSON":      {body: strings.Repeat("[", MaxWebhook), json: true, problem: notAForm},
		"100,000 names":              {body: strings.Repeat("a&", 100_000), refused: string(TooLong)},
		"as many names as fit":       {body: many(strconv.Itoa), problem: tooMany},
		"a name as often as it fits": {body: many(func(int) string { return "a" }), problem: tooMany},
		"a name with many values":    {body: many(func(i int) string { return "a=" + strconv.Itoa(i) }), problem: tooMany},
		"names as many as are read":  {body: oddField(fill(2*990, "", "a&", "a"))},
		"long names":                 {body: many(func(i int) string { return fmt.Sprintf("%060d", i) }), problem: tooMany},
		"empty fields":               {body: strings.Repeat("&", MaxWebhook), refused: string(NotAForm)},
		"a broken escape":            {body: oddField("a=%f"), refused: string(NotAForm)},
		"a long text":                {body: oddField("New=" + strings.Repeat("x", room))},
		"a long name":                {body: oddField(strings.Repeat("x", room))},
		"what JSON escapes":          {body: oddField("New=" + strings.Repeat("<", room))},
		"what is not UTF-8":          {body: oddField("New=" + strings.Repeat("\xffa", room/2))},
		"only NUL":                   {body: oddField(strings.Repeat("%00", room/3))},
		"NUL in a text":              {body: oddMessage(set, "Body", "a\x00b"), problem: "Body is not text"},
		"NUL in a name":              {body: oddMessage(add, "A\x00", "b")},
		"NUL as it stands":           {body: oddField("\x00=\x00")},
		"NUL in media":               {body: oddMessage(add, "Media", `[{"Filename":"a\u0000b"}]`)},
		"surrogates in attributes":   {body: oddMessage(add, "Attributes", `{"textme":"\ud800"}`)},
		"surrogates in media":        {body: oddMessage(add, "Media", `[{"\udfff":"\ud800"}]`)},
		"surrogates as bytes":        {body: oddMessage(set, "Body", "a\xed\xa0\x80b"), problem: "Body is not text"},
		"byte order mark":            {body: "\ufeff" + oddField("a"), refused: "another account"},
		"byte order mark in a text":  {body: oddMessage(set, "Body", "\ufeffhi")},
		"UTF-16":                     {body: utf16("AccountSid=" + testAccount), refused: "another account"},
		"UTF-16 in a text":           {body: oddMessage(set, "Body", utf16("hi")), problem: "Body is not text"},
		"UTF-16 JSON":                {body: utf16("{}"), json: true, problem: notAForm},
		"unknown type":               {body: oddMessage(set, "EventType", "onTypingStarted")},
		"malformed type":             {body: oddMessage(set, "EventType", "\x1b[31monMessageAdded"), problem: "EventType is missing or malformed"},
		"a name repeated":            {body: oddMessage(add, "Body", "STOP"), problem: "Body is repeated"},
		"the account repeated":       {body: oddMessage(add, "AccountSid", testAccount), refused: "another account"},
		"media of too many objects":  {body: oddField("Media=" + fill(room, "[", `{"":0},`, "]")), problem: tooMuch},
		"media of many numbers":      {body: oddField("Media=" + fill(maxMedia, "[", "0,", "]"))},
		"media of many names":        {body: oddField("Media=" + manyNames())},
		"media of a long number":     {body: oddField("Media=[" + strings.Repeat("9", 10_000) + "]"), problem: "Media is not a JSON array"},
		"as much as is explained":    {body: oddField(fill(maxGuessingBody-400, "", "a&", "a")), problem: tooMany},
		"attributes of many objects": {body: oddField("Attributes=" + fill(room, "{", `"textme":{},`, "}"))},
	}
}

func (o oddBody) header() (target string, header http.Header) {
	if !o.json {
		return capturedTarget, signedHeader(o.body)
	}
	target = capturedTarget + "?bodySHA256=" + hashOf(o.body)
	return target, http.Header{
		"Content-Type": {"application/json"}, "X-Twilio-Signature": {signURL(testToken, publicURL+target)},
	}
}

// takes is how many bytes f allocates and its stack grows by, the middle one of
// three times: something else may be at work once.
func takes(f func()) int {
	var all []int
	for range 3 {
		done := make(chan int)
		go func() { // on a stack of its own
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f()
			runtime.ReadMemStats(&after)
			done <- int(after.TotalAlloc-before.TotalAlloc) + int(after.StackInuse) - int(before.StackInuse)
		}()
		all = append(all, <-done)
	}
	slices.Sort(all)
	return all[1]
}

// Row P1: whatever a body is like, signed or forged, it is an event or refused,
// and takes no more than 4 MiB. Not parallel: what others allocate would count.
func TestOddBodies(t *testing.T) {
	const most = 4 << 20
	w := newWebhooks(t)
	bodies := oddBodies()
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		odd := bodies[name]
		t.Run(name, func(t *testing.T) {
			target, header := odd.header()
			var got chat.Event
			var err error
			n := takes(func() { got, err = w.Receive(target, header, []byte(odd.body)) })
			t.Logf("%d KiB: %v %q", n>>10, err, got.Problem)
			if n > most {
				t.Errorf("it takes %d KiB", n>>10)
			}
			if (err != nil) != (odd.refused != "") || err != nil && !strings.Contains(err.Error(), odd.refused) || got.Problem != odd.problem {
				t.Errorf("%v, problem %q; want %q, %q", err, got.Problem, odd.refused, odd.problem)
			}
			if err == nil {
				checkStorable(t, got)
			}
			header.Set("X-Twilio-Signature", sign(otherToken, "", ""))
			n = takes(func() { _, err = w.Receive(target, header, []byte(odd.body)) })
			if n > most || !errors.Is(err, chat.ErrForged) {
				t.Errorf("forged it takes %d KiB and is answered %v", n>>10, err)
			}
		})
	}
}

// BenchmarkOddBodies says how long each takes; row P1 wants less than 100 ms.
func BenchmarkOddBodies(b *testing.B) {
	w := newWebhooks(b)
	bodies := oddBodies()
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		target, header := bodies[name].header()
		body := []byte(bodies[name].body)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Receive(target, header, body) // TestOddBodies looks at what comes of it
			}
		})
	}
}
