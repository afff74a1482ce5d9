//go:build sdknode

package twiliosim_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestNodeSDK lets Twilio's Node SDK drive a simulator. Start it with
// testdata/node/run.sh, which installs the SDK first.
func TestNodeSDK(t *testing.T) {
	dir := os.Getenv("SDKNODE_DIR")
	if dir == "" {
		t.Fatal("SDKNODE_DIR is not set; run testdata/node/run.sh")
	}
	s := newSim(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "sdk.test.js")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SIM_URL="+s.http.URL, "SIM_ACCOUNT_SID="+accountSID, "SIM_AUTH_TOKEN="+authToken,
		"SIM_SENDER="+sender, "SIM_PHONES="+phone+","+phone2)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	if diff := cmp.Diff(everyCall(), slices.Sorted(maps.Keys(s.Calls()))); diff != "" {
		t.Errorf("calls made (-want +got):\n%s", diff)
	}
}
