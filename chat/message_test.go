package chat

import (
	"slices"
	"testing"
)

// The order in which one delivery status replaces another, and nobody who asks for it
// can change it.
func TestDeliveryOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ earlier, later Status }{
		{Queued, Sending},
		{Sending, Accepted},
		{Accepted, Sent},
		{Sent, Delivered},
		{Delivered, Read},
		{Read, Undelivered}, // a failure is final, whatever came before
		{Undelivered, FailedSend},
	} {
		if order := DeliveryOrder(); slices.Index(order, tt.earlier)+1 != slices.Index(order, tt.later) || !slices.Contains(order, tt.earlier) {
			t.Errorf("in %q %s does not come right after %s", order, tt.later, tt.earlier)
		}
	}
	// An incoming text and one that was given up are delivered no further.
	if order := DeliveryOrder(); len(order) != 8 || slices.Contains(order, Received) || slices.Contains(order, Cancelled) {
		t.Errorf("the order is %q, want the eight delivery statuses", order)
	}
	slices.Reverse(DeliveryOrder())
	if first := DeliveryOrder()[0]; first != Queued {
		t.Errorf("somebody has changed the order: it begins with %s", first)
	}
}
