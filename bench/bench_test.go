package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
	"textme/twilio"
)

// A webhook that the service refused would be answered fast and measure
// nothing.
func TestWebhooksAreGenuine(t *testing.T) {
	t.Parallel()
	twilioSide := &stub{conversations: map[string]*remote{}}
	tests := map[string]struct {
		request []byte
		want    string
	}{
		"text":    {textAdded(twilioSide, 7, "Where are you?"), chat.MessageAdded},
		"receipt": {delivered(7, 1), chat.DeliveryUpdated},
	}
	verifier, err := twilio.NewVerifier(publicURL, authToken)
	if err != nil {
		t.Fatal(err)
	}
	webhooks, err := twilio.NewWebhooks(verifier, accountSID, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(tt.request)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := webhooks.Receive(r.RequestURI, r.Header, body)
			if err != nil || got.Type != tt.want || got.Problem != "" || string(got.SID) != sidOf("CH", 7) {
				t.Errorf("got %s of %s, problem %q, %v; want %s", got.Type, got.SID, got.Problem, err, tt.want)
			}
		})
	}
}

func TestWaitsAt(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		waits waits
		q     float64
		want  time.Duration
	}{
		"none":   {nil, 0.5, 0},
		"one":    {waits{3}, 0.99, 3},
		"median": {waits{1, 2, 3}, 0.5, 2},
		"last":   {waits{1, 2, 3}, 1, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.waits.at(tt.q); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestStatementsOf(t *testing.T) {
	t.Parallel()
	const script = "-- A note.\n\\startpipeline\nBEGIN;\nSELECT 1;\nINSERT INTO t\nVALUES (1);\nCOMMIT;\n\\endpipeline\n"
	want := []string{"SELECT 1", "INSERT INTO t\nVALUES (1)"}
	if diff := cmp.Diff(want, statementsOf(script)); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}

// The answer's rest must be read, or the next answer on the connection would
// begin in the middle of this one.
func TestClientReadsWholeAnswers(t *testing.T) {
	t.Parallel()
	answers := "HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nabcdeHTTP/1.1 204 No Content\r\n\r\n"
	c := &client{in: bufio.NewReader(strings.NewReader(answers))}
	for _, want := range []int{http.StatusAccepted, http.StatusNoContent} {
		if got, err := c.read(); err != nil || got != want {
			t.Fatalf("got %d, %v; want %d", got, err, want)
		}
	}
}
