package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"textme/chat"
)

// Ann says STOP and START a few times. Her conversation's webhook tells of each text, most
// come by the classic one too, and all of it in any order. Her last word holds, no text
// counts twice, and the stored events come to the same.
//
// STORIES is how many there are of each kind, each made of its number alone.
func TestClassicStories(t *testing.T) {
	t.Parallel()
	n, err := strconv.Atoi(os.Getenv("STORIES"))
	if err != nil {
		n = 4
	}
	for name, kind := range classicStories {
		for seed := range n {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				t.Parallel()
				s := &classicStory{fixture: newFixture(t), random: rand.New(rand.NewPCG(uint64(seed), 7))}
				kind(s)
				s.happens()
			})
		}
	}
}

// classicStory is a story as it is made.
type classicStory struct {
	*fixture
	random *rand.Rand
	steps  []classicStep // in any order
	end    []classicStep // after them
	last   string        // her last word
	doubt  bool          // only a STOP is sure to hold
}

type classicStep struct {
	name string
	do   func()
}

var classicStories = map[string]func(*classicStory){
	"open": func(s *classicStory) {
		s.isOpen()
		s.says(s.texts(), ch1, sender)
	},
	"first contact": func(s *classicStory) {
		s.says(s.texts(), ch1, sender)
		s.found(ch1, mb1, sender)
	},
	// Behind a pending row a classic STOP's second try counts as a STOP.
	"pending": func(s *classicStory) {
		_, lease := s.conversation(ann)
		s.says(s.texts(), ch1, sender)
		s.found(ch1, mb1, sender)
		s.found(ch1, mb1, sender)
		s.doubt = true
		s.end = append(s.end, classicStep{"her row has it", func() {
			must(s.t, s.SaveSID(s.t.Context(), lease, chat.Found{SID: ch1}))
			s.activate(lease, ch1, mb1)
		}})
	},
	"moved": func(s *classicStory) { s.moves() },
	"ended": func(s *classicStory) {
		at := s.moves().Add(-3 * time.Second)
		ended := s.event(chat.Event{Key: chat.EventKey("ended"), Type: chat.ConversationRemoved, SID: ch1, At: at})
		s.steps = append(s.steps, classicStep{"the first one ends", func() { s.apply(ended) }})
	},
	"two senders": func(s *classicStory) {
		s.addSender()
		s.isOpen()
		for _, text := range s.texts() {
			if s.random.IntN(2) == 0 {
				s.says([]classicText{text}, ch1, sender)
			} else {
				s.says([]classicText{text}, ch2, other)
			}
		}
		s.found(ch2, mb2, other)
	},
}

// classicText is one of hers.
type classicText struct {
	n    int
	ago  time.Duration
	word string
}

// betweenTexts is how far apart her texts are: within the minute they are all
// candidates for one another.
const (
	betweenTexts = 7 * time.Second
	lastText     = 5 * time.Second // so much less is each one ago: the last is two seconds old
)

func (s *classicStory) texts() (texts []classicText) {
	n := 1 + s.random.IntN(4)
	for i := range n {
		s.last = []string{"STOP", "START"}[s.random.IntN(2)]
		texts = append(texts, classicText{i, time.Duration(n-i)*betweenTexts - lastText, s.last})
	}
	return texts
}

// moves has her say some of it in a second conversation, while her row has the first,
// and returns when she began to.
func (s *classicStory) moves() time.Time {
	s.isOpen()
	texts := s.texts()
	cut := s.random.IntN(len(texts) + 1)
	s.says(texts[:cut], ch1, sender)
	s.says(texts[cut:], ch2, sender)
	s.found(ch2, mb2, sender)
	s.doubt = true
	return time.Now().Add(lastText - time.Duration(len(texts)-cut)*betweenTexts)
}

// isOpen gives her a conversation of long ago.
func (f *fixture) isOpen() {
	f.t.Helper()
	f.live(ann, ch1, mb1)
	f.exec(`UPDATE conversations SET created_at = now() - interval '1 day'`)
}

// says has both webhooks tell of the texts, or only the conversation's.
func (s *classicStory) says(texts []classicText, ch chat.ConversationSID, to chat.Phone) {
	for _, text := range texts {
		e := s.ago(text.ago, text.n, text.word)
		if ch == ch2 {
			e = s.event(in2(e))
		}
		s.steps = append(s.steps, classicStep{fmt.Sprintf("%s %d in %s", text.word, text.n, ch[:4]), func() { s.apply(e) }})
		if s.random.IntN(4) > 0 {
			c := s.classic(ann, to, text.n, text.word, "")
			s.steps = append(s.steps, classicStep{fmt.Sprintf("%s %d to %s", text.word, text.n, to), func() { s.apply(c) }})
		}
	}
}

// found has the conversation found at Twilio.
func (s *classicStory) found(ch chat.ConversationSID, mb chat.ParticipantSID, to chat.Phone) {
	s.steps = append(s.steps, classicStep{"found " + string(ch[:4]), func() {
		must(s.t, s.AdoptConversation(s.t.Context(), chat.Adoption{SID: ch, Participant: chat.RemoteParticipant{SID: mb, Address: ann, ProxyAddress: to}}))
	}})
}

func (s *classicStory) happens() {
	s.t.Helper()
	s.random.Shuffle(len(s.steps), func(i, j int) { s.steps[i], s.steps[j] = s.steps[j], s.steps[i] })
	var told []string
	for _, step := range append(s.steps, s.end...) {
		told = append(told, step.name)
		step.do()
	}
	s.replaysAlike()
	if out := one[bool](s.fixture, optedOut); out != (s.last == "STOP") && (!s.doubt || !out) {
		s.t.Errorf("opted out: %t, and her last word was %s", out, s.last)
	}
	if n := one[int](s.fixture, `SELECT count(*) FROM opt_outs WHERE heard_by LIKE 'SM%'`); n > 0 && !s.doubt {
		s.t.Errorf("%d texts count twice", n)
	}
	s.replaysToTheSame("in place")
	if s.t.Failed() {
		s.t.Logf("%s\n%s", strings.Join(told, "; "), one[string](s.fixture, `SELECT string_agg(concat_ws(' ', heard_by, since, cleared_at), E'\n') FROM opt_outs`))
	}
}
