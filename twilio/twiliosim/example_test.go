package twiliosim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"textme/twilio/twiliosim"
)

// A storm in small: the first answer to every create is lost after the commit,
// a caller that simply tries again is let in, and the Oracle is asked what became
// of it.
func Example() {
	s, err := twiliosim.New(twiliosim.Options{
		AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}, Seed: 1, Ledger: true,
		Faults: twiliosim.Faults{Calls: []twiliosim.Rule{{
			On:     []string{twiliosim.RouteCreateConversation, twiliosim.RouteAddParticipant, twiliosim.RouteCreateMessage},
			First:  1,
			Faults: []twiliosim.Fault{{Kind: twiliosim.LostAnswer}},
		}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	twilio := httptest.NewServer(s)
	defer twilio.Close()

	for _, step := range []struct{ path, form string }{
		{"/v1/Conversations", "UniqueName=textme-1"},
		{"/v1/Conversations/textme-1/Participants", url.Values{
			"MessagingBinding.Address": {phone}, "MessagingBinding.ProxyAddress": {sender},
		}.Encode()},
		{"/v1/Conversations/textme-1/Messages", "Body=Welcome"},
	} {
		for range 2 {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, twilio.URL+step.path, strings.NewReader(step.form))
			if err != nil {
				fmt.Println(err)
				return
			}
			r.SetBasicAuth(accountSID, authToken)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				fmt.Println(step.path, "got no answer")
				continue
			}
			fmt.Println(step.path, res.StatusCode)
			if err := res.Body.Close(); err != nil {
				fmt.Println(err)
			}
		}
	}
	if err := s.Settle(context.Background()); err != nil {
		fmt.Println(err)
	}
	told := s.Oracle().Pairs[twiliosim.Pair{Phone: phone, Sender: sender}]
	fmt.Println(len(told.Live), "conversation,", len(told.Present), "participant and", len(told.Outbound), "texts")
	fmt.Println(s.FaultCounts())
	// Output:
	// /v1/Conversations got no answer
	// /v1/Conversations 409
	// /v1/Conversations/textme-1/Participants got no answer
	// /v1/Conversations/textme-1/Participants 409
	// /v1/Conversations/textme-1/Messages got no answer
	// /v1/Conversations/textme-1/Messages 201
	// 1 conversation, 1 participant and 2 texts
	// map[answer lost:3]
}
