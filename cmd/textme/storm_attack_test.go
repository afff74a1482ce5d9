//go:build storm

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"textme/twilio/twiliosim"
)

// cutTime is how long a socket that dawdles may live (row V4), and a second for
// a busy machine. answerTime is how late a webhook may be answered at p99 where twice
// what it took in peace is less: of so little, a busy machine makes more by itself.
const (
	cutTime    = 16 * time.Second
	answerTime = time.Second
)

// Row V4: people write as ever, and are heard as soon, while somebody else dawdles on
// two thousand sockets and posts bodies and headers without end.
func TestStormAttack(t *testing.T) {
	var tapped *wiretap
	s := newStorm(t, func(opts *twiliosim.Options, env map[string]string) {
		tapped = tap(t, opts)
		env["BOT_SCRIPT"], env["LOG_LEVEL"] = "../../bot/scripts/default.txt", "warn"
	})
	const n, over = 2000, 20 * time.Second
	// p99 is of those behind the first so many that were posted before end.
	p99 := func(begin int, end time.Time) time.Duration {
		var took []time.Duration
		for _, w := range tapped.seen()[begin:] {
			if w.begun.Before(end) {
				took = append(took, w.took)
			}
			if w.status != http.StatusNoContent {
				s.fail("a webhook is answered %d", w.status)
			}
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	s.texts(n, over)
	s.settled(settleTime)
	calm := p99(0, time.Now())

	target := s.replicas[0].Load()
	before := residentMemory(t, target.cmd.Process.Pid)
	seen := len(tapped.seen())
	attack := attack{t: t, address: target.url.Host}
	attack.begin(t.Context())
	s.texts(n, over)
	attack.ended()
	grown := residentMemory(t, target.cmd.Process.Pid) - before
	s.settled(settleTime)
	if grown > 64<<20 {
		t.Errorf("memory grew by %d MiB, want at most 64", grown>>20)
	}
	attacked := p99(seen, attack.last)
	if most := max(2*calm, answerTime); attacked > most {
		t.Errorf("under attack webhooks are answered within %v at p99, want %v at most", attacked.Round(time.Millisecond), most.Round(time.Millisecond))
	}
	t.Logf("webhooks answered within %v at p99, under attack %v; memory grew by %d MiB; %v",
		calm.Round(time.Millisecond), attacked.Round(time.Millisecond), grown>>20, attack.report())
}

// residentMemory is a process's, in bytes.
func residentMemory(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	must(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	must(t, err)
	return pages * int64(os.Getpagesize())
}

// An attack knows no secret: all it has is sockets.
type attack struct {
	t       *testing.T
	address string
	sockets sync.WaitGroup

	mu      sync.Mutex
	answers map[string]int // by kind and status, or that there was none
	longest time.Duration  // a socket lived
	last    time.Time      // one was answered or cut
}

const webhookDoor = "/webhooks/twilio/conversations"

// begin opens all sockets.
func (a *attack) begin(ctx context.Context) {
	a.answers = map[string]int{}
	head := func(path, headers string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: textme.example\r\nContent-Type: application/x-www-form-urlencoded\r\n" + headers
	}
	drip := func() io.Reader { return dawdler{ctx} }
	for _, kind := range []struct {
		name    string
		sockets int
		head    string
		body    func() io.Reader
	}{
		{"slow headers", 1800, head(webhookDoor, "X-Slow: "), drip},
		{"slow bodies", 200, head(webhookDoor, "Content-Length: 60000\r\n\r\n"), drip},
		{"1 GiB webhooks", 50, head(webhookDoor, "Content-Length: 1073741824\r\n\r\n"), func() io.Reader { return endless("a=bcdefgh&") }},
		{"1 GiB sign-ups", 50, head("/signup/website", "Content-Length: 1073741824\r\n\r\n"), func() io.Reader { return endless("a=bcdefgh&") }},
		{"endless chunks", 50, head(webhookDoor, "Transfer-Encoding: chunked\r\n\r\n"), func() io.Reader { return endless("5\r\na=bcd\r\n") }},
		{"1 MiB of headers", 50, head(webhookDoor, ""), func() io.Reader { return io.LimitReader(endless("X-Long: abcdefgh\r\n"), 1<<20) }},
		{"gzip 1000:1", 50, head(webhookDoor, fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(bomb))), func() io.Reader { return bytes.NewReader(bomb) }},
		{"10,000 parts", 50, "POST /signup/website HTTP/1.1\r\nHost: textme.example\r\nContent-Type: multipart/form-data; boundary=x\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n", len(parts)), func() io.Reader { return strings.NewReader(parts) }},
	} {
		for range kind.sockets {
			a.sockets.Go(func() { a.socket(ctx, kind.name, kind.head, kind.body()) })
		}
	}
}

// bomb is a megabyte of zeros, a thousandth as long; parts a form of so many.
var (
	bomb = func() []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(make([]byte, 1<<20)) // to memory
		_ = w.Close()
		return b.Bytes()
	}()
	parts = strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n", 10_000) + "--x--\r\n"
)

// socket writes until it is answered or cut, and notes which and when.
func (a *attack) socket(ctx context.Context, kind, head string, body io.Reader) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", a.address)
	if err != nil {
		a.t.Errorf("%s: %v", kind, err)
		return
	}
	begun := time.Now()
	defer conn.Close()
	_ = conn.SetDeadline(begun.Add(2 * cutTime))
	var writer sync.WaitGroup
	writer.Go(func() { _, _ = io.Copy(conn, io.MultiReader(strings.NewReader(head), body)) })
	answer := make([]byte, len("HTTP/1.1 200"))
	n, _ := io.ReadFull(conn, answer)
	lived := time.Since(begun)
	_ = conn.Close()
	writer.Wait()

	a.mu.Lock()
	defer a.mu.Unlock()
	a.longest, a.last = max(a.longest, lived), time.Now()
	status := "cut"
	if n == len(answer) {
		status = string(answer[len("HTTP/1.1 "):])
	}
	a.answers[kind+": "+status]++
	if status != "cut" && status[0] != '4' {
		a.t.Errorf("%s: answered %s", kind, status)
	}
	if lived > cutTime {
		a.t.Errorf("%s: a socket lived for %v", kind, lived.Round(time.Second))
	}
}

// ended waits until every socket is.
func (a *attack) ended() { a.sockets.Wait() }

func (a *attack) report() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("sockets lived for %v at most: %v", a.longest.Round(time.Millisecond), a.answers)
}

// A dawdler has a byte to say every second.
type dawdler struct{ ctx context.Context }

// Read implements io.Reader.
func (d dawdler) Read(p []byte) (int, error) {
	tick := time.NewTimer(time.Second)
	defer tick.Stop()
	select {
	case <-tick.C:
		p[0] = 'a'
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

// forever repeats its text without end.
type forever struct {
	text string
	at   int
}

func endless(text string) io.Reader { return &forever{text: text} }

// Read implements io.Reader.
func (f *forever) Read(p []byte) (n int, err error) {
	for n < len(p) {
		copied := copy(p[n:], f.text[f.at:])
		n, f.at = n+copied, (f.at+copied)%len(f.text)
	}
	return n, nil
}
