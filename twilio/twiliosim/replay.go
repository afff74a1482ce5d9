package twiliosim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

func replayFile(path string, w *world) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is left, if anything, is a torn last line
		}
		if err != nil {
			return fmt.Errorf("read journal %s: %w", path, err)
		}
		if err := w.replay(line); err != nil {
			return fmt.Errorf("journal %s, line %d: %w", path, n, err)
		}
	}
}

// replay repeats one line. Lines about children of what is already gone do
// nothing.
func (w *world) replay(line []byte) error {
	var l struct {
		Kind   string          `json:"kind"`
		Put    json.RawMessage `json:"put"`
		Delete string          `json:"delete"`
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return err
	}
	if l.Delete != "" {
		return w.forget(l.Kind, l.Delete)
	}
	switch l.Kind {
	case "account":
		return replayPut(l.Put, func(v account) { w.account = &v; w.saw(v.Seq) })
	case "service":
		return replayPut(l.Put, func(v Service) {
			w.saw(v.Seq)
			if old := w.service(v.SID); old != nil {
				*old = v
				return
			}
			w.addService(&v)
		})
	case "address":
		return replayPut(l.Put, func(v AddressConfiguration) {
			w.saw(v.Seq)
			if old := w.address(v.Address); old != nil {
				*old = v
				return
			}
			w.addresses = append(w.addresses, &v)
		})
	case "conversation":
		return replayPut(l.Put, w.replayConversation)
	case "participant":
		return replayPut(l.Put, w.replayParticipant)
	case "message":
		return replayPut(l.Put, w.replayMessage)
	case "receipt":
		return replayPut(l.Put, w.replayReceipt)
	case "webhook":
		return replayPut(l.Put, w.replayWebhook)
	case "handset":
		return replayPut(l.Put, func(v handsetRecord) {
			w.saw(v.Seq)
			if old := w.handsets[v.Phone]; old != nil {
				old.handsetRecord = v
				return
			}
			w.handsets[v.Phone] = &handset{handsetRecord: v}
		})
	case "text":
		return replayPut(l.Put, w.replayText)
	case "opt_out":
		return replayPut(l.Put, func(v OptOut) { w.optOuts[[2]string{v.Scope, v.Phone}] = v })
	}
	return fmt.Errorf("unknown kind %q", l.Kind)
}

func replayPut[T any](raw json.RawMessage, put func(T)) error {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	put(v)
	return nil
}

func (w *world) saw(seq uint64) { w.seq = max(w.seq, seq) }

func (w *world) replayConversation(v Conversation) {
	w.saw(v.Seq)
	conv := w.bySID[v.SID]
	if conv == nil {
		w.addConversation(v)
		return
	}
	w.dropName(conv)
	conv.Conversation = v
	w.index(conv)
}

func (w *world) replayParticipant(v Participant) {
	w.saw(v.Seq)
	conv := w.bySID[v.ConversationSID]
	if conv == nil {
		return
	}
	if old := conv.participant(v.SID); old != nil {
		*old = v
		return
	}
	w.addParticipant(conv, v)
}

func (w *world) replayMessage(v Message) {
	w.saw(v.Seq)
	conv := w.bySID[v.ConversationSID]
	if conv == nil {
		return
	}
	if old := conv.message(v.SID); old != nil {
		old.Message = v
		return
	}
	conv.messages = append(conv.messages, &message{Message: v})
}

func (w *world) replayReceipt(v Receipt) {
	w.saw(v.Seq)
	conv := w.bySID[v.ConversationSID]
	if conv == nil {
		return
	}
	m := conv.message(v.MessageSID)
	if m == nil {
		return
	}
	i := slices.IndexFunc(m.receipts, func(r *Receipt) bool { return r.SID == v.SID })
	if i < 0 {
		m.receipts = append(m.receipts, &v)
		return
	}
	*m.receipts[i] = v
}

func (w *world) replayWebhook(v ScopedWebhook) {
	w.saw(v.Seq)
	conv := w.bySID[v.ConversationSID]
	if conv == nil {
		return
	}
	i := slices.IndexFunc(conv.webhooks, func(h *ScopedWebhook) bool { return h.SID == v.SID })
	if i < 0 {
		conv.webhooks = append(conv.webhooks, &v)
		return
	}
	*conv.webhooks[i] = v
}

// replayText relies on the handset's own line, which is always written first.
func (w *world) replayText(v Text) {
	w.saw(v.Seq)
	phone := v.To
	if v.Sent {
		phone = v.From
	}
	if h := w.handsets[phone]; h != nil {
		h.texts = append(h.texts, v)
	}
}

// forget repeats a deletion.
func (w *world) forget(kind, id string) error {
	switch kind {
	case "conversation":
		if conv := w.bySID[id]; conv != nil {
			w.removeConversation(conv)
		}
	case "service":
		if v := w.service(id); v != nil {
			w.removeService(v)
		}
	case "address":
		w.addresses = slices.DeleteFunc(w.addresses, func(a *AddressConfiguration) bool { return a.SID == id })
	case "opt_out":
		for key, o := range w.optOuts {
			if o.id() == id {
				delete(w.optOuts, key)
			}
		}
	case "participant", "message", "webhook":
		w.forgetChild(kind, id)
	default:
		return fmt.Errorf("unknown kind %q", kind)
	}
	return nil
}

func (w *world) forgetChild(kind, id string) {
	for _, conv := range w.conversations {
		switch kind {
		case "participant":
			if p := conv.participant(id); p != nil {
				w.removeParticipant(conv, p)
			}
		case "message":
			conv.messages = slices.DeleteFunc(conv.messages, func(m *message) bool { return m.SID == id })
		case "webhook":
			conv.webhooks = slices.DeleteFunc(conv.webhooks, func(h *ScopedWebhook) bool { return h.SID == id })
		}
	}
}
