//go:build storm

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Rows C4 and D3: every tenth commit is made and its answer lost, every
// twentieth is never made, every fifth is rolled back for a race. Whatever was
// acknowledged is there, once.
func TestStormCommitsLost(t *testing.T) {
	var mu sync.Mutex
	n, counts := 0, map[commitAct]int{}
	s := newStorm(t, func(opts *twiliosim.Options, env map[string]string) {
		withLedger(opts, env)
		newPGProxy(t, env, func(label string) (fate commitFate) {
			mu.Lock()
			defer mu.Unlock()
			if n++; n <= settingUp || label == unlabelled {
				return fate
			}
			switch dice := n % 20; {
			case dice == 3 || dice == 13:
				fate.do = commitLost
			case dice == 7:
				fate.do = commitCut
			case dice%5 == 0:
				fate.do = commitRace
			}
			counts[fate.do]++
			return fate
		})
	})
	signups := size("STORM_SIGNUPS", 400)
	s.signUps(signups, signups*7/10, time.Duration(signups)*5*time.Millisecond)
	took := s.settled(faultyTime * time.Duration(max(1, signups/1000)))
	s.checkPromise()
	s.checkOracle()
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%d sign-ups settled after %v; of %d commits %d answers lost, %d never made, %d races", signups, took.Round(time.Millisecond),
		n, counts[commitLost], counts[commitCut], counts[commitRace])
}

// settingUp is how many commits go well at first: of migrations and commands.
const settingUp = 60

// Row C2: the service is killed before, in and after each commit that it makes
// and before and after each call to Twilio, one after another, while somebody
// lives through all there is: texting first, signing up, STOP and START, being
// closed, taken out and deleted by others. Which points there are is found by
// letting it happen: they are those that these lives reach. All calls that change
// something at Twilio must be among them; a commit to which no life leads is not, and
// two with the same first and last statement are one.
//
// STORM_FAILPOINTS is how many lives there are, each of a number of its own. With
// STORM_EACH, there are no more when the service has died so often at each point, and
// if it has not, the test fails; a life has a second death then, at a point that is
// reached only after a first. Most of a life is waiting, so that STORM_LANES storms
// divide them, as far as -parallel lets them.
func TestStormFailpoints(t *testing.T) {
	lanes := size("STORM_LANES", 2)
	v := &visits{seed: stormSeed(), each: size("STORM_EACH", 0), most: size("STORM_FAILPOINTS", 16), points: map[string]*visited{}}
	if !t.Run("points", func(t *testing.T) {
		f := newFailpoints(t)
		for i := range undisturbed * len(lifeKinds) {
			p := plan{life: i, kind: i % len(lifeKinds)}
			f.arm(p)
			f.live(p)
			v.see(p.kind, f.points(), nil)
		}
		for _, call := range changes {
			for _, point := range []string{"before " + call, "after " + call} {
				if v.points[point] == nil {
					t.Errorf("no life leads to the point %s", point)
				}
			}
		}
		t.Logf("%d points: %s", len(v.points), strings.Join(slices.Sorted(maps.Keys(v.points)), ", "))
	}) || len(v.points) == 0 { // not chosen by -run
		return
	}
	t.Run("lives", func(t *testing.T) {
		for lane := range lanes {
			t.Run(strconv.Itoa(lane), func(t *testing.T) {
				t.Parallel()
				for more := true; more && !t.Failed(); {
					t.Run("storm", func(t *testing.T) { more = v.storm(t) })
				}
			})
		}
	})
	died, text, enough := v.summary()
	t.Log(text)
	if !enough || died < v.lived()/2 {
		t.Errorf("that is too seldom: %d of %d, and at each point %d wanted", died, v.lived(), v.each)
	}
}

// changes are all calls with which the service changes something at Twilio.
var changes = []string{
	"POST /v1/Conversations", "DELETE /v1/Conversations/{}",
	"POST /v1/Conversations/{}/Participants", "POST /v1/Conversations/{}/Messages",
}

// undisturbed lives of each kind tell which points there are.
const undisturbed = 3

// livesEach is how many people one storm takes: everybody is polled, so that the
// last of many would wait long.
const livesEach = 20

// storm lets some people live in a storm of their own and reports whether there are
// more.
func (v *visits) storm(t *testing.T) (more bool) {
	f := newFailpoints(t)
	for range livesEach {
		p, ok := v.next()
		if !ok {
			return false
		}
		t.Logf("life %d: the service dies %s", p.life, p.target)
		f.arm(p)
		deaths := f.live(p)
		v.see(p.kind, f.points(), deaths)
		v.done(p)
		if t.Failed() {
			t.Fatalf("after a kill %s", strings.Join(deaths, ", and one "))
		}
	}
	t.Log(v.progress())
	return true
}

// newFailpoints makes a storm that can be killed anywhere, and is not yet.
func newFailpoints(t *testing.T) *failpoints {
	t.Helper()
	f := &failpoints{reached: map[string]string{}}
	f.s = newStorm(t, func(opts *twiliosim.Options, env map[string]string) {
		opts.Ledger, opts.Fault = true, f.calls
		env["WELCOME_EVERY"], env["BOT_SCRIPT"] = "off", "../../bot/scripts/default.txt"
		env["RESCUE_AFTER"], env["RECONCILE_EVERY"], env["RECONCILE_RATE"] = "3s", "2s", "off"
		env["CREATE_RATE"], env["SENDER_RATE"] = "30/1s", "10/1s"
		newPGProxy(t, env, f.commits)
	})
	f.s.addSource("landing")
	return f
}

// failpoints are the places in which the service can be killed.
type failpoints struct {
	s *storm

	mu      sync.Mutex
	reached map[string]string // in this life, and the one death before, "" for none or two
	armed   map[string]bool   // where the service is to die
	next    map[string]bool   // and where again, as soon as one replica runs after that
	deaths  []string          // where it has
	alive   chan struct{}     // closed when both replicas run again
	before  chan struct{}     // that of the death before
}

// arm begins a life.
func (f *failpoints) arm(p plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reached, f.armed, f.next, f.deaths = map[string]string{}, setOf(p.first), setOf(p.second), nil
	f.alive, f.before = nil, nil
}

func setOf(points []string) map[string]bool {
	set := map[string]bool{}
	for _, point := range points {
		set[point] = true
	}
	return set
}

// disarm keeps the service alive from now on, and says where it has died.
func (f *failpoints) disarm() (deaths []string) {
	f.mu.Lock()
	f.armed, f.next = nil, nil
	deaths, alive := f.deaths, f.alive
	f.mu.Unlock()
	if alive != nil {
		<-alive
	}
	return deaths
}

// points are those that were reached in this life.
func (f *failpoints) points() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.reached)
}

// reach notes a point and reports whether the service is to die there.
func (f *failpoints) reach(point string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, before := f.reached[point]; !before {
		f.reached[point] = ""
		if len(f.deaths) == 1 {
			f.reached[point] = f.deaths[0]
		}
	}
	if !f.armed[point] {
		return false
	}
	f.armed, f.deaths = nil, append(f.deaths, point)
	f.before, f.alive = f.alive, make(chan struct{})
	return true
}

// die kills both replicas and starts them again. One that the death before left to be
// started is started first, and lives.
func (f *failpoints) die() {
	f.mu.Lock()
	alive, before := f.alive, f.before
	f.mu.Unlock()
	var killed []*replica
	for i := range f.s.replicas {
		r := f.s.replicas[i].Load()
		if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			f.s.t.Error(err)
		}
		killed = append(killed, r)
	}
	go func() {
		defer close(alive)
		if before != nil {
			<-before
		}
		for i, r := range killed {
			<-r.ended
			if f.s.replicas[i].Load() == r {
				r.out.checkPrivate(f.s.t)
				f.s.start(i)
			}
			f.rearm()
		}
	}()
}

// rearm has the service die again where it is to.
func (f *failpoints) rearm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next != nil {
		f.armed, f.next = f.next, nil
	}
}

// commits is a pgProxy's decide.
func (f *failpoints) commits(label string) commitFate {
	switch {
	case f.reach("before the commit of " + label):
		return commitFate{commitCut, f.die}
	case f.reach("in the commit of " + label):
		return commitFate{commitLost, f.die}
	case f.reach("after the commit of " + label):
		return commitFate{commits, f.die}
	}
	return commitFate{}
}

// calls is a simulator's Fault.
func (f *failpoints) calls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + sids.ReplaceAllString(r.URL.Path, "{}")
		if f.reach("before " + call) {
			f.die()
			panic(http.ErrAbortHandler)
		}
		if f.reach("after " + call) {
			next.ServeHTTP(&deaf{header: http.Header{}}, r)
			f.die()
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

var sids = regexp.MustCompile(`(CH|MB|IM)[0-9a-f]{32}|textme-[0-9a-f-]{36}`)

// deaf takes an answer to nobody.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) WriteHeader(int)             {}

// life is one person's.
type life struct {
	*storm
	*scenario
	client *http.Client
}

// lifeKinds are what people may live through.
var lifeKinds = [...]func(*life){(*life).inPeace, (*life).inTrouble, (*life).inConfusion}

// live lets a person live through everything there is in that kind of life, and
// compares what is known of them in the end. It returns where the service has died
// meanwhile.
func (f *failpoints) live(p plan) (deaths []string) {
	l := &life{storm: f.s, scenario: &scenario{phone: number(p.life)}, client: &http.Client{Timeout: 5 * time.Second}}
	l.t.Helper()
	defer l.client.CloseIdleConnections()
	lifeKinds[p.kind](l)
	deaths = f.disarm() // whatever comes now comes to an end
	l.settled(settleTime)
	l.checkRecorded()
	if broken := l.facts().broken(l.phone); len(broken) > 0 {
		l.t.Errorf("%s:\n\t%s\nhistory: %v", l.phone, strings.Join(broken, "\n\t"), l.history)
	}
	return deaths
}

// act has the person, or others, do what a scenario knows.
func (l *life) act(name string) {
	l.t.Helper()
	for _, a := range scenarioActs {
		if a.name == name {
			l.history = append(l.history, name)
			a.act(l.t.Context(), l.storm, l.scenario, l.client, len(l.history))
			return
		}
	}
	l.t.Fatalf("nobody knows how to: %s", name)
}

// answered waits until the phone has so many texts that contain what.
func (l *life) answered(what string, n int) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("%s has %d %q (%v)", l.phone, n, what, l.history), func() bool { return l.has(l.phone, what) >= n })
}

// openHours is in the bot's answer to HOURS.
const openHours = "open Mon-Fri"

// inPeace is a life in which Twilio does what it is asked to.
func (l *life) inPeace() {
	l.t.Helper()
	l.act("HOURS")
	l.answered(openHours, 1)
	l.act("signs up")
	l.answered(welcomeText, 1)
	l.act("is taken out by others")
	l.eventually("the participant is back", func() bool { return l.isBound(l.phone) })
	l.act("HOURS")
	l.answered(openHours, 2)
	l.act("STOP")
	l.eventually("the STOP is heard", func() bool { return l.hasHeard(l.phone, "STOP") })
	l.act("START")
	l.eventually("the START is heard", func() bool { return l.hasHeard(l.phone, "START") })
	l.act("is closed by others")
	l.act("signs up on the other page")
	l.eventually("the new row is live", func() bool { return l.isBound(l.phone) })
	l.act("HOURS")
	l.answered(openHours, 3)
	l.act("is deleted by others")
	l.act("signs up")
	l.eventually("the next row is live", func() bool { return l.isBound(l.phone) })
}

// inTrouble is one in which it does not: the number is refused, the credentials are not
// valid any more, all have to wait, a text is refused, and somebody else has a
// conversation of their own.
func (l *life) inTrouble() {
	l.t.Helper()
	l.sim.RefuseNumber(string(l.phone), 50407)
	l.act("signs up")
	l.eventually("the row has failed", func() bool { return l.rows()[l.phone].state == chat.Failed })
	l.sim.RefuseNumber(string(l.phone), 0)
	l.eventually("staff try it again", func() bool {
		_ = l.try("conversations", "retry", "--all-failed") // the command may die as well
		return l.rows()[l.phone].state != chat.Failed
	})
	l.answered(welcomeText, 1)

	l.sim.RevokeCredentials(true)
	l.act("HOURS")
	l.eventually("all is paused", func() (paused bool) {
		must(l.t, l.db.QueryRow(l.t.Context(), `SELECT EXISTS (SELECT FROM pauses WHERE ended_at IS NULL)`).Scan(&paused))
		return paused
	})
	l.sim.RevokeCredentials(false)
	l.answered(openHours, 1)

	l.firstPost(twiliosim.Fault{Kind: twiliosim.Busy, RetryAfter: time.Second})
	l.act("HOURS")
	l.answered(openHours, 2)
	l.firstPost(twiliosim.Fault{Kind: twiliosim.Refusal, Code: 30004})
	l.act("HOURS")
	l.eventually("the answer is refused, or posted again after a death", func() (refused bool) {
		must(l.t, l.db.QueryRow(l.t.Context(), `SELECT EXISTS (SELECT FROM messages m JOIN conversations c ON c.id = conversation_id
			JOIN customers k ON k.id = customer_id WHERE phone = $1 AND error_code = 30004)`, l.phone).Scan(&refused))
		return refused || l.has(l.phone, openHours) > 2
	})
	must(l.t, l.sim.SetFaults(twiliosim.Faults{}))

	somebody := strings.Replace(string(l.phone), "+1415", "+1212", 1)
	ch, _, err := l.sim.Console(true).Foreign("crm-"+somebody[1:], "", somebody, storySender)
	must(l.t, err)
	_, err = l.sim.Console(true).Post(ch, "crm", "canary of somebody else's")
	must(l.t, err)
	l.act("HOURS") // which the bot has answered often enough
	l.eventually("the text is heard", func() bool { return l.heardOf(l.phone, "HOURS") == 4 })
}

// inConfusion is one in which the person is in another conversation than the service
// believes, again and again: they text while they are being added, and staff at Twilio
// move them back.
func (l *life) inConfusion() {
	l.t.Helper()
	l.textsWhenAdded()
	l.act("signs up")
	l.eventually("the sign-up's row has the text's conversation", func() bool { return l.isBound(l.phone) && l.hasHeard(l.phone, "HOURS") })
	l.answered(welcomeText, 1)
	must(l.t, l.sim.SetFaults(twiliosim.Faults{}))
	l.eventually("the one made in vain is deleted", func() (deleted bool) {
		const sooner = `UPDATE river_job SET state = 'available', scheduled_at = now() WHERE kind = 'discard' AND state IN ('scheduled', 'retryable')`
		_, err := l.db.Exec(l.t.Context(), sooner)
		must(l.t, err)
		must(l.t, l.db.QueryRow(l.t.Context(), `SELECT NOT EXISTS (SELECT FROM river_job WHERE kind = 'discard' AND finalized_at IS NULL)`).Scan(&deleted))
		return deleted
	})

	home := l.rows()[l.phone].ch
	for _, told := range []bool{false, true} { // by a webhook, that they are back
		l.textsWhenAdded()
		l.act("is taken out by others")
		l.eventually("they are in a conversation of their own", func() bool { return l.isBound(l.phone) && l.rows()[l.phone].ch != home })
		must(l.t, l.sim.SetFaults(twiliosim.Faults{}))
		l.history = append(l.history, "is moved back")
		l.eventually("they are back in the first", func() bool {
			if l.rows()[l.phone].ch == home {
				return l.isBound(l.phone)
			}
			l.moveTo(home, told)
			return false
		})
	}
	l.act("HOURS")
	l.eventually("the text is heard", func() bool { return l.heardOf(l.phone, "HOURS") == 4 })
}

// textsWhenAdded has the person text in between whenever the service adds them to a
// conversation for the first time.
func (l *life) textsWhenAdded() {
	l.t.Helper()
	must(l.t, l.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{
		On: []string{twiliosim.RouteAddParticipant}, Phones: []string{string(l.phone)}, First: 1,
		Faults: []twiliosim.Fault{{Kind: twiliosim.TextBefore, Body: "HOURS"}},
	}}}))
}

// moveTo takes the person out of whichever other conversation they are in and puts them
// into ch. The webhook of either is sent, the other is not. Whoever was faster makes
// it an error, which is nobody's concern.
func (l *life) moveTo(ch string, told bool) {
	for _, c := range l.sim.Conversations() {
		for _, p := range l.sim.Participants(c.SID) {
			if c.SID != ch && c.State != "closed" && p.Address == string(l.phone) {
				_ = l.sim.Console(!told).RemoveParticipant(c.SID, p.SID)
				_, _ = l.sim.Console(told).Add(ch, string(l.phone), storySender)
			}
		}
	}
}

// firstPost has the first try at each text to the person meet with the fault.
func (l *life) firstPost(fault twiliosim.Fault) {
	l.t.Helper()
	must(l.t, l.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{
		On: []string{twiliosim.RouteCreateMessage}, Phones: []string{string(l.phone)}, First: 1, Faults: []twiliosim.Fault{fault},
	}}}))
}

// has counts the texts on the phone that contain what.
func (s *storm) has(phone chat.Phone, what string) (n int) {
	for _, text := range s.sim.Handset(string(phone)).Inbox() {
		if strings.Contains(text.Body, what) {
			n++
		}
	}
	return n
}

// hasHeard reports whether the word of the phone is in a transcript.
func (s *storm) hasHeard(phone chat.Phone, word string) bool {
	s.t.Helper()
	return s.heardOf(phone, word) > 0
}

// heardOf counts the texts of the phone that read so, in transcripts.
func (s *storm) heardOf(phone chat.Phone, word string) (n int) {
	s.t.Helper()
	must(s.t, s.db.QueryRow(s.t.Context(), `SELECT count(*) FROM messages m JOIN conversations c ON c.id = conversation_id
		JOIN customers k ON k.id = customer_id WHERE phone = $1 AND direction = 'in' AND body = $2`, phone, word).Scan(&n))
	return n
}

// isBound reports whether the phone's open row is live with the participant it
// has at Twilio.
func (s *storm) isBound(phone chat.Phone) bool {
	s.t.Helper()
	row := s.rows()[phone]
	conversation, _ := s.sim.Conversation(row.ch)
	for _, p := range s.sim.Participants(row.ch) {
		if conversation.State != "closed" && p.SID == row.mb && p.Address == string(phone) {
			return row.state == chat.Active
		}
	}
	return false
}

// eventually waits until cond holds. The webhooks of a service that was dead are
// lost: where it takes long, staff have everything compared with Twilio's.
func (s *storm) eventually(what string, cond func() bool) {
	s.t.Helper()
	deadline, long := time.After(patience), time.NewTicker(5*time.Second)
	defer long.Stop()
	for tick := time.NewTicker(20 * time.Millisecond); !cond(); {
		select {
		case <-tick.C:
		case <-long.C:
			s.command("reconcile")
		case <-deadline:
			tick.Stop()
			var state string
			must(s.t, s.db.QueryRow(context.WithoutCancel(s.t.Context()), `SELECT concat_ws(E'\n',
				(SELECT string_agg(c::text, E'\n' ORDER BY created_at) FROM conversations c WHERE work_seq > done_seq OR state <> 'closed'),
				(SELECT string_agg(concat_ws(' ', kind, state, args, attempt, scheduled_at), E'\n') FROM river_job WHERE finalized_at IS NULL),
				(SELECT string_agg(concat_ws(' ', conversation_id, index, direction, status, body), E'\n' ORDER BY created_at) FROM messages))`).Scan(&state))
			s.t.Fatalf("waited in vain: %s\nthe open rows, jobs and messages:\n%s", what, state)
		}
	}
}
