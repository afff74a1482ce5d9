//go:build storm

package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Row D1: the database's disk is full, as far as the service can tell: no transaction
// is committed. Nobody is told otherwise, and once there is room again everything goes
// on by itself.
func TestStormDiskFull(t *testing.T) {
	var full atomic.Bool
	s, tapped := newTextStorm(t, func(env map[string]string) {
		newPGProxy(t, env, func(string) (fate commitFate) {
			if full.Load() {
				fate.do = commitFull
			}
			return fate
		})
	})
	begun, ended := s.fillDisk(tapped, func() { full.Store(true) }, func() { full.Store(false) })
	for what, answers := range s.doors(tapped) {
		for _, a := range answers {
			if a.status != http.StatusServiceUnavailable && a.begun.After(begun) && a.begun.Add(a.took).Before(ended) {
				s.fail("%s: answered %d while nothing could be committed", what, a.status)
			}
		}
	}
}

// doors are the answers to all that came in.
func (s *storm) doors(tapped *wiretap) map[string][]answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string][]answer{"sign-ups": slices.Clone(s.answers), "webhooks": answersOf(tapped.seen())}
}

// refusedEach is how often each door is to be refused before the disk has room again.
const refusedEach = 50

// fillDisk has people sign up and write, fills the disk meanwhile and empties it, each
// as soon as it has shown, and checks that nothing acknowledged is lost. It returns
// between when the disk was full.
func (s *storm) fillDisk(tapped *wiretap, fill, free func()) (begun, ended time.Time) {
	s.t.Helper()
	enough := make(chan struct{})
	var people sync.WaitGroup
	people.Go(func() { s.signUps(1000, texters, 10*time.Second) })
	people.Go(func() { s.textsUntil(enough) })
	s.answeredBy(tapped, time.Now(), 2)
	fill()
	begun = time.Now()
	s.answeredBy(tapped, begun, 5)
	ended = time.Now()
	free()
	back := time.Now()
	s.answeredBy(tapped, back, 2)
	close(enough)
	people.Wait()
	s.checkTranscripts(tapped)
	s.checkPromise()
	for what, answers := range s.doors(tapped) {
		s.checkAnswers(what, answers, []spell{{back: back}})
	}
	return begun, ended
}

// answeredBy waits until each door has answered often enough, since then, with a
// status of that class.
func (s *storm) answeredBy(tapped *wiretap, since time.Time, class int) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		short := ""
		for what, answers := range s.doors(tapped) {
			n := 0
			for _, a := range answers {
				if a.status/100 == class && a.begun.After(since) {
					n++
				}
			}
			if n < refusedEach {
				short = fmt.Sprintf("%s were answered %dxx %d times", what, class, n)
			}
		}
		if short == "" {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("in %v %s", patience, short)
		}
	}
}

// textsUntil has people write, a hundred texts a second, until they have written enough.
func (s *storm) textsUntil(enough <-chan struct{}) {
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-pace.C:
		case <-enough:
			return
		}
		if _, err := s.sim.Handset(string(number(i%texters))).Text(storySender, fmt.Sprintf("canary %d", i)); err != nil {
			s.t.Error(err)
		}
	}
}
