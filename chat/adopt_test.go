package chat

import "testing"

// Whom a short code or a name has in a conversation is nobody's phone.
func TestOnlyPhonesAreCustomers(t *testing.T) {
	t.Parallel()
	for _, address := range []Phone{"24273", "+24273x", "whatsapp:+14155550142", "Harbor Bikes"} {
		s := &Service{} // the store is not asked
		_, ours, err := s.ourCustomer(t.Context(), []RemoteParticipant{{SID: "MB1", Address: address, ProxyAddress: "+15005550006"}})
		if ours || err != nil {
			t.Errorf("%s: ours = %t, %v", address, ours, err)
		}
	}
}
