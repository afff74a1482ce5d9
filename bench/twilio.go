package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// stub answers the calls of Twilio's Conversations API at once and keeps only
// what the answers need. The simulator, which checks every rule, takes two to
// three times as long and would be measured along.
type stub struct {
	url    string
	server *http.Server

	creates atomic.Int64 // conversations
	posts   atomic.Int64 // texts
	lists   atomic.Int64 // look-ups of a conversation's texts

	mu            sync.Mutex
	sequence      int
	conversations map[string]*remote // by SID
	welcomed      map[string]chan<- struct{}
	replied       func(sid string) // told of each text of ours; may be nil
	spoiled       map[string]bool  // by phone: true never answers, false fails
}

// remote is a conversation as the stub has it.
type remote struct {
	phone string
	texts []remoteText // by index
}

type remoteText struct {
	sid, author, participant, body, attributes string
	at                                         time.Time
}

func startStub(ctx context.Context) (*stub, error) {
	s := &stub{conversations: map[string]*remote{}, welcomed: map[string]chan<- struct{}{}, spoiled: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/ParticipantConversations", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, page("conversations", nil))
	})
	mux.HandleFunc("POST /v1/Conversations", s.createConversation)
	mux.HandleFunc("POST /v1/Conversations/{sid}/Participants", s.addParticipant)
	mux.HandleFunc("POST /v1/Conversations/{sid}/Messages", s.createMessage)
	mux.HandleFunc("GET /v1/Conversations/{sid}/Messages", s.listMessages)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.url = (&url.URL{Scheme: "http", Host: l.Addr().String()}).String()
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: callTime}
	go func() { _ = s.server.Serve(l) }() // ends with Close
	return s, nil
}

func (s *stub) stop() error { return s.server.Close() }

// sid is the next SID of a kind. The lock is held.
func (s *stub) sid(kind string) string {
	s.sequence++
	return fmt.Sprintf("%s%032x", kind, s.sequence)
}

func (s *stub) createConversation(w http.ResponseWriter, r *http.Request) {
	s.creates.Add(1)
	s.mu.Lock()
	sid := s.sid("CH")
	s.conversations[sid] = &remote{}
	s.mu.Unlock()
	answer(w, http.StatusCreated, map[string]any{
		"sid": sid, "account_sid": accountSID, "unique_name": r.PostFormValue("UniqueName"),
		"attributes": "{}", "state": "active", "date_created": date(time.Now()), "date_updated": date(time.Now()),
	})
}

func (s *stub) addParticipant(w http.ResponseWriter, r *http.Request) {
	sid, phone := r.PathValue("sid"), r.PostFormValue("MessagingBinding.Address")
	s.mu.Lock()
	if silent, spoiled := s.spoiled[phone]; spoiled {
		s.mu.Unlock()
		if silent {
			<-r.Context().Done() // until the service has lost its patience
			return
		}
		answer(w, http.StatusInternalServerError, map[string]any{"code": 20500, "message": "Internal error", "status": http.StatusInternalServerError})
		return
	}
	s.conversation(sid).phone = phone
	mb := s.sid("MB")
	s.mu.Unlock()
	answer(w, http.StatusCreated, map[string]any{
		"sid": mb, "account_sid": accountSID, "conversation_sid": sid, "attributes": "{}",
		"messaging_binding": map[string]any{"type": "sms", "address": phone, "proxy_address": r.PostFormValue("MessagingBinding.ProxyAddress")},
		"date_created":      date(time.Now()), "date_updated": date(time.Now()),
	})
}

func (s *stub) createMessage(w http.ResponseWriter, r *http.Request) {
	s.posts.Add(1)
	sid := r.PathValue("sid")
	s.mu.Lock()
	c := s.conversation(sid)
	text := remoteText{s.sid("IM"), r.PostFormValue("Author"), "", r.PostFormValue("Body"), r.PostFormValue("Attributes"), time.Now()}
	index := len(c.texts)
	c.texts = append(c.texts, text)
	welcomed := s.welcomed[c.phone]
	delete(s.welcomed, c.phone)
	replied := s.replied
	s.mu.Unlock()
	answer(w, http.StatusCreated, text.resource(sid, index))
	if welcomed != nil {
		close(welcomed)
	}
	if replied != nil {
		replied(sid)
	}
}

func (s *stub) listMessages(w http.ResponseWriter, r *http.Request) {
	s.lists.Add(1)
	const pageSize = 100 // what the service asks for; it wants the newest first
	sid := r.PathValue("sid")
	var texts []any
	s.mu.Lock()
	list := s.conversation(sid).texts
	for i := len(list) - 1; i >= max(0, len(list)-pageSize); i-- {
		texts = append(texts, list[i].resource(sid, i))
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, page("messages", texts))
}

// hear adds a customer's text to the conversation, as the carrier does, and
// returns its SID and index.
func (s *stub) hear(sid, phone, participant, body string) (im string, index int, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conversation(sid)
	im, index, at = s.sid("IM"), len(c.texts), time.Now()
	c.texts = append(c.texts, remoteText{im, phone, participant, body, "{}", at})
	return im, index, at
}

// conversation finds one, also of those that only the database was told of:
// these have had their welcome text. The lock is held.
func (s *stub) conversation(sid string) *remote {
	if s.conversations[sid] == nil {
		s.conversations[sid] = &remote{texts: []remoteText{{sid: s.sid("IM"), author: "bot", attributes: "{}", at: time.Now()}}}
	}
	return s.conversations[sid]
}

// awaitWelcome returns a channel that is closed when the phone is texted.
func (s *stub) awaitWelcome(phone string) <-chan struct{} {
	welcomed := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.welcomed[phone] = welcomed
	return welcomed
}

// onReply has f told of every text that the service posts; nil ends it.
func (s *stub) onReply(f func(sid string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replied = f
}

// spoil has every call that adds this phone fail, or never be answered.
func (s *stub) spoil(phone string, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoiled[phone] = silent
}

// forget drops what the stub knows, so that one row does not slow down the next.
func (s *stub) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.conversations)
	clear(s.welcomed)
	clear(s.spoiled)
}

func (t remoteText) resource(conversation string, index int) map[string]any {
	r := map[string]any{
		"sid": t.sid, "account_sid": accountSID, "conversation_sid": conversation, "index": index,
		"author": t.author, "body": t.body, "attributes": t.attributes,
		"date_created": date(t.at), "date_updated": date(t.at),
	}
	if t.participant != "" {
		r["participant_sid"] = t.participant
	}
	return r
}

func page(key string, list []any) map[string]any {
	if list == nil {
		list = []any{}
	}
	return map[string]any{key: list, "meta": map[string]any{"key": key, "page": 0, "page_size": 100}}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone away
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// phoneOf is the n-th customer's number: valid, and nobody's.
func phoneOf(n int) string { return fmt.Sprintf("+1415%07d", 2_000_000+n) }

// sidOf is the n-th SID of a kind that is prepared in the database.
func sidOf(kind string, n int) string { return kind + strings.Repeat("f", 24) + fmt.Sprintf("%08x", n) }
