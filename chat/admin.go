package chat

import (
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// Admin is somebody who may sign in to the admin page.
type Admin struct {
	ID           uuid.UUID
	Username     string
	PasswordHash string // PHC string, as HashPassword makes it
	Disabled     bool
}

// Session is a signed-in admin's browser. Only the SHA-256 of its token is
// stored, so that reading the database lets nobody in.
type Session struct {
	TokenHash []byte
	Admin     Admin
	CreatedAt time.Time
	ExpiresAt time.Time
}

// How long a session lasts (OWASP ASVS 5.0, 7.3).
const (
	SessionIdle = 30 * time.Minute // without a request
	SessionLife = 12 * time.Hour   // at the most
)

// AuditEntry says who did what to which row of ours. Subject is an id, never
// a phone number.
type AuditEntry struct {
	Actor   string // "admin:<username>" or "cli"
	Action  string // such as "sign-in", "reveal-phone"
	Subject string
	IP      netip.Addr // zero for the command line
}
