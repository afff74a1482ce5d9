package handlers

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// A cursor in a URL is a place in the list: eight bytes for the time, in
// microseconds as Postgres keeps it, and the sixteen of the ID.
const cursorBytes = 8 + 16

// cursorAt is the place of m.
func cursorAt(m chat.Mapping) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(m.LastActivity.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(b, m.ID[:]...))
}

// readCursor undoes cursorAt; "" is no place.
func readCursor(s string) (chat.Cursor, error) {
	if s == "" {
		return chat.Cursor{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != cursorBytes {
		return chat.Cursor{}, fmt.Errorf("%w: cursor", errUnparseable)
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // written as signed
	return chat.Cursor{At: at, ID: uuid.UUID(b[8:])}, nil
}
