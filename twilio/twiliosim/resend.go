package twiliosim

import (
	"context"
	"fmt"
)

// Replay posts a captured webhook again, byte for byte: the same body, headers,
// signature and Host, as someone who has recorded it can. A POST goes to address
// exactly, a GET to its host with the path and query that were signed; an empty
// address means where it went the first time. It returns the status of the
// answer, or an error if there was none. It is in neither Webhooks nor the
// ledger, and replaying as often as you like is the point.
func (s *Server) Replay(ctx context.Context, w Webhook, address string) (status int, err error) {
	r, err := s.courier.request(ctx, &w, address)
	if err != nil {
		return 0, err
	}
	status, err = s.courier.send(r)
	if err != nil {
		return 0, fmt.Errorf("replay webhook: %w", err)
	}
	return status, nil
}
