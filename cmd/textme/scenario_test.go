//go:build storm

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Scenarios are short histories of one number each, many at once on one
// service: sign-ups through two doors, texts, STOP and START, and others who
// close, delete and empty conversations, while a third of all calls to Twilio
// goes wrong and webhooks come late, twice and out of order. Twilio then
// recovers, everything settles, and invariants are checked.
//
// STORM_SCENARIOS sets how many, STORM_SEED the first one's seed, of which come a
// scenario's number, what happens in it, after which pauses, and what goes wrong with
// calls and webhooks that are about the number. Not of it come what goes wrong with a
// call that only names a conversation, such as its creation, since the name is new each
// time; which replica is asked; and who is faster. With STORM_SCENARIOS=1 one that
// failed runs again, and may have to run more than once to fail again.
type scenario struct {
	seed    uint64
	phone   chat.Phone
	history []string
}

const (
	scenarioCalls    = 0.3 // the chance of a call to go wrong
	scenarioWebhooks = 0.2 // and of a webhook
	scenariosAtOnce  = 100
)

func TestStormScenarios(t *testing.T) {
	n := size("STORM_SCENARIOS", 350)
	s := newStorm(t, scenarioSettings)
	s.addSource("landing")
	for first := 0; first < n; first += scenariosAtOnce {
		s.play(scenarios(s.seed+uint64(first), min(n-first, scenariosAtOnce)))
		if t.Failed() {
			return
		}
		if done := first + scenariosAtOnce; done%1000 == 0 && done < n {
			t.Logf("%d of %d scenarios, none broken", done, n)
		}
	}
	t.Logf("%d scenarios; faults played: %v", n, s.sim.FaultCounts())
}

// scenarioSettings are those of a storm in which scenarios are played.
func scenarioSettings(opts *twiliosim.Options, env map[string]string) {
	opts.Ledger = true
	env["WELCOME_EVERY"], env["BOT_SCRIPT"], env["RESCUE_AFTER"] = "off", "../../bot/scripts/default.txt", "6s"
}

// scenarios are n of them, of the seeds from the first on.
func scenarios(first uint64, n int) (all []*scenario) {
	for i := range uint64(n) {
		all = append(all, &scenario{seed: first + i, phone: number(int((first + i) % 10_000))})
	}
	return all
}

// play runs the scenarios at once and checks each when all has settled, and that what the
// clients were told of every sign-up is so.
func (s *storm) play(all []*scenario) {
	s.t.Helper()
	faults := everyFault(scenarioCalls)
	faults.Seed = 1 // whatever is about a number goes by the number alone, in any company
	faults.Webhooks = []twiliosim.Rule{
		{Chance: scenarioWebhooks, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookRepeated}, {Kind: twiliosim.WebhookRetried, Copies: 2}}},
		{Chance: scenarioWebhooks, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookDelayed, Delay: 3 * time.Second}, {Kind: twiliosim.WebhookEarly}}},
	}
	must(s.t, s.sim.SetFaults(faults))
	var people sync.WaitGroup
	for _, sc := range all {
		people.Go(func() { s.live(sc) })
	}
	people.Wait()
	must(s.t, s.sim.SetFaults(twiliosim.Faults{}))
	s.settled(settleTime)

	facts := s.facts()
	for key, outcome := range s.checkRecorded() { // nobody's is refused, capped or failed
		if outcome != chat.Admitted && outcome != chat.Joined && (outcome != chat.OptedOut || !saidStop(facts.history(s.accepted[key]))) {
			s.fail("%s of %s came to %q", key, s.accepted[key], outcome)
		}
	}
	for ch, stays := range facts.empty {
		if stays {
			s.fail("%s has nobody and nothing in it, and nobody discards it:\n\t%s", ch, strings.Join(s.known(ch), "\n\t"))
		}
	}
	for _, sc := range all {
		if broken := facts.broken(sc.phone); len(broken) > 0 {
			s.fail("STORM_SEED=%d STORM_SCENARIOS=1 (%s):\n\t%s\nhistory:\n\t%s", sc.seed, sc.phone, strings.Join(broken, "\n\t"), strings.Join(sc.history, "\n\t"))
		}
	}
}

// live lets one person's history happen.
func (s *storm) live(sc *scenario) {
	random := rand.New(rand.NewPCG(sc.seed, 3))
	begin := time.Now()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(s.t.Context(), settleTime)
	defer cancel()
	for i := range 3 + random.IntN(6) {
		do := scenarioActs[random.IntN(len(scenarioActs))]
		if i == 0 {
			do = scenarioActs[random.IntN(firstActs)]
		}
		sc.history = append(sc.history, fmt.Sprintf("%v %s", time.Since(begin).Round(time.Millisecond), do.name))
		do.act(ctx, s, sc, client, i)
		pause := time.NewTimer(time.Duration(random.Int64N(int64(2 * time.Second))))
		<-pause.C
	}
}

type scenarioAct struct {
	name string
	act  func(ctx context.Context, s *storm, sc *scenario, client *http.Client, step int)
}

// firstActs of the list may begin a history.
const firstActs = 4

var scenarioActs = []scenarioAct{
	{"signs up", signsUpAt("website")},
	{"signs up", signsUpAt("website")},
	{"signs up on the other page", signsUpAt("landing")},
	{"HOURS", texts("HOURS")},
	{"HOURS", texts("HOURS")},
	{"STOP", texts("STOP")},
	{"START", texts("START")},
	{"is closed by others", meddles(func(c twiliosim.Console, ch, _ string) error { return c.Close(ch) })},
	{"is deleted by others", meddles(func(c twiliosim.Console, ch, _ string) error { return c.Delete(ch) })},
	{"is taken out by others", meddles(func(c twiliosim.Console, ch, mb string) error { return c.RemoveParticipant(ch, mb) })},
}

func signsUpAt(source string) func(context.Context, *storm, *scenario, *http.Client, int) {
	return func(ctx context.Context, s *storm, sc *scenario, client *http.Client, step int) {
		s.signUpAt(ctx, client, source, sc.phone, fmt.Sprintf("signup-%s-%d", sc.phone[1:], step))
	}
}

func texts(body string) func(context.Context, *storm, *scenario, *http.Client, int) {
	return func(_ context.Context, s *storm, sc *scenario, _ *http.Client, _ int) {
		if _, err := s.sim.Handset(string(sc.phone)).Text(storySender, body); err != nil {
			s.t.Error(err)
		}
	}
}

// meddles does something to the conversation the number is in, if any; whoever
// was faster makes it an error, which is nobody's concern.
func meddles(do func(c twiliosim.Console, ch, mb string) error) func(context.Context, *storm, *scenario, *http.Client, int) {
	return func(_ context.Context, s *storm, sc *scenario, _ *http.Client, _ int) {
		for _, c := range s.sim.Conversations() {
			for _, p := range s.sim.Participants(c.SID) {
				if c.State != "closed" && p.Address == string(sc.phone) {
					sc.history = append(sc.history, "\t"+c.SID)
					_ = do(s.sim.Console(true), c.SID, p.SID)
				}
			}
		}
	}
}

// scenarioFacts is what the simulator and the tables know in the end.
type scenarioFacts struct {
	oracle twiliosim.Oracle
	ended  map[string]bool              // conversations that others closed or deleted
	rows   map[chat.Phone][]scenarioRow // ours
	heard  map[string]bool              // texts in the transcript, by SID
	lost   map[chat.Phone]int           // sign-ups without an outcome
	late   map[chat.Phone]int           // texts whose sending began after a STOP
	empty  map[string]bool              // conversations with nobody and nothing in them that nobody discards
}

type scenarioRow struct {
	chain    string // the row that took over, or itself
	state    chat.State
	ch, mb   string
	admitted int  // sign-ups
	taken    bool // a welcome text of it is surely at Twilio
}

// facts reads them all.
func (s *storm) facts() scenarioFacts {
	s.t.Helper()
	f := scenarioFacts{
		oracle: s.sim.Oracle(), ended: map[string]bool{}, rows: map[chat.Phone][]scenarioRow{}, heard: map[string]bool{},
		lost: map[chat.Phone]int{}, late: map[chat.Phone]int{}, empty: map[string]bool{},
	}
	for _, e := range s.sim.Ledger() {
		switch fact := e.Fact.(type) {
		case twiliosim.ConversationMoved:
			f.ended[fact.ConversationSID] = f.ended[fact.ConversationSID] || fact.To == "closed"
		case twiliosim.ConversationDeleted:
			f.ended[fact.ConversationSID] = true
		}
	}
	for _, ch := range f.oracle.Orphans {
		f.empty[ch] = len(s.sim.Messages(ch)) == 0 && !s.discarding([]string{ch})
	}
	var phone chat.Phone
	var r scenarioRow
	s.each(`SELECT phone, coalesce(merged_into, c.id)::text, state, coalesce(conversation_sid, ''), coalesce(participant_sid, ''),
			(SELECT count(*) FROM signups g JOIN signup_outcomes ON signup_id = g.id WHERE conversation_id = c.id AND outcome = 'admitted'),
			EXISTS (SELECT FROM messages m WHERE conversation_id = c.id AND purpose = 'welcome' AND message_sid IS NOT NULL)
		FROM conversations c JOIN customers k ON k.id = customer_id`,
		[]any{&phone, &r.chain, &r.state, &r.ch, &r.mb, &r.admitted, &r.taken}, func() { f.rows[phone] = append(f.rows[phone], r) })
	var sid string
	s.each(`SELECT message_sid FROM messages WHERE direction = 'in'`, []any{&sid}, func() { f.heard[sid] = true })
	s.each(`SELECT phone FROM signups g JOIN customers k ON k.id = customer_id LEFT JOIN signup_outcomes ON signup_id = g.id WHERE signup_id IS NULL`,
		[]any{&phone}, func() { f.lost[phone]++ })
	// A STOP holds from when its text was applied until a START was; Twilio's API
	// tells whole seconds. What began within a second of it may have been first to
	// the lock.
	s.each(`SELECT k.phone FROM messages m JOIN conversations c ON c.id = m.conversation_id JOIN customers k ON k.id = c.customer_id
		WHERE m.direction = 'out' AND EXISTS (
			SELECT FROM messages stop JOIN conversations sc ON sc.id = stop.conversation_id JOIN events se ON se.message_sid = stop.message_sid AND se.type = 'onMessageAdded'
			WHERE sc.customer_id = k.id AND stop.direction = 'in' AND stop.body = 'STOP' AND se.applied_at + interval '1 second' < m.sending_at
				AND NOT EXISTS (SELECT FROM messages start JOIN conversations tc ON tc.id = start.conversation_id JOIN events te ON te.message_sid = start.message_sid
					WHERE tc.customer_id = k.id AND start.body = 'START' AND te.received_at <= m.sending_at
						AND (date_trunc('second', start.twilio_at), start.index) >= (date_trunc('second', stop.twilio_at), stop.index)))`,
		[]any{&phone}, func() { f.late[phone]++ })
	return f
}

// known is all that is known of a conversation at Twilio: there, and in our tables.
func (s *storm) known(ch string) (list []string) {
	s.t.Helper()
	names := []string{ch}
	if c, _ := s.sim.Conversation(ch); c.UniqueName != "" {
		names = append(names, c.UniqueName)
	}
	for _, e := range s.sim.Ledger() {
		if line := fmt.Sprintf("%s %T%+v", e.At.Format(time.StampMilli), e.Fact, e.Fact); slices.ContainsFunc(names, func(name string) bool { return strings.Contains(line, name) }) {
			list = append(list, line)
		}
	}
	var line string
	for _, table := range []string{"conversations", "river_job", "events"} {
		for _, name := range names {
			s.each(fmt.Sprintf(`SELECT '%s: ' || r::text FROM %[1]s r WHERE r::text LIKE '%%%s%%'`, table, name), []any{&line}, func() { list = append(list, line) })
		}
	}
	return list
}

// each scans every row of a query.
func (s *storm) each(q string, into []any, do func()) {
	s.t.Helper()
	rows, err := s.db.Query(s.t.Context(), q)
	must(s.t, err)
	defer rows.Close()
	for rows.Next() {
		must(s.t, rows.Scan(into...))
		do()
	}
	must(s.t, rows.Err())
}

// broken lists what is not as it must be for one number. When all has settled,
//   - every accepted sign-up has an outcome;
//   - the number is in at most one live conversation, alone, and the one open
//     row says so; without one there is no open row;
//   - a message of ours was posted once, a conversation at Twilio has at most
//     one welcome text, and a row with those it took over one for each sign-up
//     that was admitted, unless others ended the conversation of an earlier one;
//   - who was admitted was welcomed, unless they said STOP;
//   - nothing began to be sent after a STOP was applied and before a START was;
//   - every text in a conversation of ours is in its transcript.
func (f scenarioFacts) broken(phone chat.Phone) (list []string) {
	complain := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if n := f.lost[phone]; n > 0 {
		complain("%d sign-ups have no outcome", n)
	}
	if n := f.late[phone]; n > 0 {
		complain("%d texts began to be sent after a STOP", n)
	}
	h := f.history(phone)
	held, chains := map[string]string{}, map[string]*scenarioRow{}
	var open []string
	for _, r := range f.rows[phone] {
		held[r.ch] = r.chain
		if r.state != chat.Closed {
			open = append(open, strings.Join([]string{string(r.state), r.ch, r.mb}, " "))
		}
		c := chains[r.chain]
		if c == nil {
			c = &scenarioRow{}
			chains[r.chain] = c
		}
		c.admitted, c.taken = c.admitted+r.admitted, c.taken || r.taken
	}
	var bound []string
	for i, ch := range h.Live {
		bound = append(bound, strings.Join([]string{"active", ch, h.Present[min(i, len(h.Present)-1)]}, " "))
	}
	if len(h.Present) > 1 || !slices.Equal(open, bound) {
		complain("open are %q, at Twilio %q with %d participants", open, bound, len(h.Present))
	}
	f.checkPosts(h, held, chains, complain)
	silent := saidStop(h)
	for chain, c := range chains {
		if c.admitted > 0 && !c.taken && !silent {
			complain("the row %s was admitted and not welcomed", chain)
		}
	}
	for _, text := range h.Inbound {
		if _, ours := held[text.ConversationSID]; ours && text.ConversationSID != "" && !f.heard[text.MessageSID] {
			complain("%q in %s is not in the transcript", text.Body, text.ConversationSID)
		}
	}
	return list
}

// history is what the simulator knows of one number.
func (f scenarioFacts) history(phone chat.Phone) *twiliosim.PairHistory {
	if h := f.oracle.Pairs[twiliosim.Pair{Phone: string(phone), Sender: storySender}]; h != nil {
		return h
	}
	return &twiliosim.PairHistory{}
}

// saidStop reports whether they ever did.
func saidStop(h *twiliosim.PairHistory) bool {
	return slices.ContainsFunc(h.Inbound, func(text twiliosim.InboundText) bool { return text.Body == "STOP" })
}

// checkPosts looks at what we posted, by the ids in the attributes and by the
// conversations.
func (f scenarioFacts) checkPosts(h *twiliosim.PairHistory, held map[string]string, chains map[string]*scenarioRow, complain func(string, ...any)) {
	posted, welcomed, lasting := map[string]int{}, map[string]int{}, map[string]int{}
	for _, text := range h.Outbound {
		posted[text.Attributes]++
		if !strings.HasPrefix(text.Body, welcomeText) {
			continue
		}
		welcomed[text.ConversationSID]++
		if !f.ended[text.ConversationSID] {
			lasting[held[text.ConversationSID]]++
		}
	}
	for attributes, n := range posted {
		if n > 1 {
			complain("the message %s was posted %d times", attributes, n)
		}
	}
	for ch, n := range welcomed {
		if n > 1 {
			complain("%s got %d welcome texts", ch, n)
		}
	}
	for chain, n := range lasting {
		if c := chains[chain]; c != nil && n > max(1, c.admitted) {
			complain("the row %s got %d welcome texts for %d sign-ups", chain, n, c.admitted)
		}
	}
}

// addSource adds a form source beside the storm's own.
func (s *storm) addSource(key string) {
	s.t.Helper()
	s.command("sources", "add", key, "--kind", "form", "--business", "Harbor Bikes", "--sender", storySender, "--origins", "https://shop.example")
}

// command runs one of the operator's commands.
func (s *storm) command(args ...string) {
	s.t.Helper()
	if err := s.try(args...); err != nil {
		s.t.Fatalf("textme %s: %v", strings.Join(args, " "), err)
	}
}

// try is a command that may fail.
func (s *storm) try(args ...string) error {
	s.t.Helper()
	if s.program != "" {
		out, err := s.runs(args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
	getenv := func(name string) (value string) {
		for _, setting := range s.env {
			if v, found := strings.CutPrefix(setting, name+"="); found {
				value = v
			}
		}
		return value
	}
	w := world{getenv: getenv, in: strings.NewReader(""), out: new(output), err: new(output)}
	if code := run(s.t.Context(), args, w); code != exitOK {
		return fmt.Errorf("exit %d\n%s", code, w.err)
	}
	return nil
}
