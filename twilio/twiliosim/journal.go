package twiliosim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// The journal is a file of JSON lines. Each says that a record of some kind has
// a new value (put) or is gone with all that hangs on it (delete). The lines of
// one change go out in one write, which a killed process either did or did not
// do; the file is not synced, so a power cut may tear its end.

// record is anything the journal keeps.
type record interface{ kind() string }

func (account) kind() string              { return "account" }
func (Service) kind() string              { return "service" }
func (AddressConfiguration) kind() string { return "address" }
func (Conversation) kind() string         { return "conversation" }
func (Participant) kind() string          { return "participant" }
func (Message) kind() string              { return "message" }
func (Receipt) kind() string              { return "receipt" }
func (ScopedWebhook) kind() string        { return "webhook" }
func (handsetRecord) kind() string        { return "handset" }
func (Text) kind() string                 { return "text" }
func (OptOut) kind() string               { return "opt_out" }

type journalLine struct {
	Kind   string `json:"kind"`
	Put    record `json:"put,omitempty"`
	Delete string `json:"delete,omitempty"`
}

// writeJournal writes the lines of one change. The Server's lock is held.
func (s *Server) writeJournal(lines []journalLine) error {
	if s.journal == nil || len(lines) == 0 {
		return nil
	}
	return writeLines(s.journal, lines)
}

func writeLines(to io.Writer, lines []journalLine) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return fmt.Errorf("encode journal line: %w", err)
		}
	}
	if _, err := to.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// openJournal replays the file into w, replaces it by one that holds only what
// is still there, and returns that, open for appending. A file that does not
// exist is an empty world. It refuses a journal of another account.
func openJournal(path, accountSID string, w *world) (*os.File, error) {
	if err := replayFile(path, w); err != nil {
		return nil, err
	}
	if w.account != nil && w.account.SID != accountSID {
		return nil, fmt.Errorf("journal %s belongs to account %s, not %s", path, w.account.SID, accountSID)
	}
	fresh, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("compact journal: %w", err)
	}
	if err := errors.Join(writeLines(fresh, w.lines()), fresh.Sync(), os.Rename(path+".new", path)); err != nil {
		return nil, errors.Join(fmt.Errorf("compact journal %s: %w", path, err), fresh.Close())
	}
	return fresh, nil
}

// lines is the shortest journal that gives this world.
func (w *world) lines() []journalLine {
	var out []journalLine
	put := func(v record) { out = append(out, journalLine{Kind: v.kind(), Put: v}) }
	for _, v := range w.services {
		put(*v)
	}
	if w.account != nil {
		w.account.Seq = w.seq
		put(*w.account)
	}
	for _, v := range w.addresses {
		put(*v)
	}
	for _, conv := range w.conversations {
		put(conv.Conversation)
		for _, v := range conv.participants {
			put(*v)
		}
		for _, v := range conv.webhooks {
			put(*v)
		}
		for _, m := range conv.messages {
			put(m.Message)
			for _, v := range m.receipts {
				put(*v)
			}
		}
	}
	for _, h := range w.handsetsInOrder() {
		put(h.handsetRecord)
		for _, v := range h.texts {
			put(v)
		}
	}
	for _, v := range w.optOuts {
		put(v)
	}
	return out
}
