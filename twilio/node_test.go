//go:build sdknode

package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// knownNode are the differences to the Node SDK's validateRequest, 6.0.2. It
// reads the URL by the rules of browsers, which mend what is not quite one.
var knownNode = []known{
	{oddPortDropped, false, "it tries every URL without its port; ours leaves out default ports only"},
	{rawURL, true, "it signs the URL as browsers write it"},
	{emptyQuery, true, "it leaves the question mark out when it adds the port"},
	{upperHost, true, "it signs the host in small letters"},
	{emptyField, false, "a parser of forms passes over empty fields; Twilio writes none"},
}

// TestNodeSDKVerifiesAlike asks the Node SDK about the same requests. Start it
// with twiliosim/testdata/node/run.sh, which installs the SDK first.
func TestNodeSDKVerifiesAlike(t *testing.T) {
	dir := os.Getenv("SDKNODE_DIR")
	if dir == "" {
		t.Fatal("SDKNODE_DIR is not set; run twiliosim/testdata/node/run.sh")
	}
	rnd := seeded(t)
	requests := make([]request, count(t, 20_000))
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	for i := range requests {
		requests[i] = newRequest(rnd, testToken)
		if err := lines.Encode(requests[i]); err != nil {
			t.Fatal(err)
		}
	}
	verdicts := validate(t, dir, &in)
	if len(verdicts) != len(requests) {
		t.Fatalf("%d verdicts on %d requests", len(verdicts), len(requests))
	}
	j := newJudge(t, knownNode)
	for i, r := range requests {
		j.compare(r, ours(t, r), verdicts[i])
	}
	j.done(len(requests))
}

// validate runs the SDK over requests, one JSON object per line.
func validate(t *testing.T, dir string, in *bytes.Buffer) (verdicts []bool) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "validate.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "validate.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "validate.mjs")
	cmd.Dir, cmd.Stdin = dir, in
	cmd.Env = append(os.Environ(), "TOKEN="+testToken)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &errs)
	}
	if err := json.Unmarshal(out, &verdicts); err != nil {
		t.Fatal(err)
	}
	return verdicts
}
