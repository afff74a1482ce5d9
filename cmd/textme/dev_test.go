package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary behave as textme: dev is tested as a process
// of its own, because it is to survive being killed.
const asProgram = "TEXTME_TEST_AS_PROGRAM"

// devProcess is a running `textme dev`.
type devProcess struct {
	t               *testing.T
	cmd             *exec.Cmd
	out, logs       *output
	ended           chan error
	service, phones string
	user, password  string
	startedIn       time.Duration
}

// startDev runs dev on the folder and waits until it has printed where it is.
func startDev(t *testing.T, dir string) *devProcess {
	t.Helper()
	d := &devProcess{t: t, out: new(output), logs: new(output), ended: make(chan error, 1)}
	self, err := os.Executable()
	must(t, err)
	d.cmd = exec.Command(self, "dev")
	d.cmd.Env = []string{asProgram + "=1", "DATA_DIR=" + dir, "LISTEN=127.0.0.1:0", "SIMULATOR_LISTEN=127.0.0.1:0", "PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.logs
	begin := time.Now()
	must(t, d.cmd.Start())
	go func() { d.ended <- d.cmd.Wait() }()
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })

	where := regexp.MustCompile(`(?s)Service +(http://\S+).*user (\S+), password (\S+)\).*Phone page +(http://\S+)\s`)
	deadline := time.After(60 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if found := where.FindStringSubmatch(d.out.String()); found != nil {
			d.service, d.user, d.password, d.phones = found[1], found[2], found[3], found[4]
			d.startedIn = time.Since(begin)
			tick.Stop()
			return d
		}
		select {
		case <-tick.C:
		case err := <-d.ended:
			t.Fatalf("dev ended with %v:\n%s%s", err, d.out, d.logs)
		case <-deadline:
			t.Fatalf("dev did not come up:\n%s%s", d.out, d.logs)
		}
	}
}

// terminate asks dev to stop, as Ctrl-C and a supervisor do.
func (d *devProcess) terminate() {
	d.t.Helper()
	must(d.t, d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-d.ended:
		if err != nil {
			d.t.Fatalf("dev ended with %v:\n%s%s", err, d.out, d.logs)
		}
	case <-time.After(30 * time.Second):
		d.t.Fatalf("dev did not stop:\n%s", d.out)
	}
}

// kill ends dev without a chance to clean up.
func (d *devProcess) kill() {
	d.t.Helper()
	must(d.t, d.cmd.Process.Kill())
	if err := <-d.ended; err == nil {
		d.t.Error("dev ended well, though it was killed")
	}
}

func (d *devProcess) fetch(address string) string {
	d.t.Helper()
	r, err := http.Get(address)
	must(d.t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	must(d.t, err)
	if r.StatusCode != http.StatusOK {
		d.t.Fatalf("GET %s answered %s", address, r.Status)
	}
	return string(body)
}

// phoneShows waits until the phone page shows the text.
func (d *devProcess) phoneShows(phone, text string) {
	d.t.Helper()
	deadline := time.After(patience)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if strings.Contains(d.fetch(d.phones+"/phone/"+url.PathEscape(phone)), text) {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatalf("the phone never shows %q:\n%s", text, d.out)
		}
	}
}

// dev works without any setting, and what it kept is there again after it was
// stopped and after it was killed.
func TestDevKeepsItsWorld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	d := startDev(t, dir)
	page := d.fetch(d.service + "/s/default")
	r, err := http.PostForm(d.service+"/signup/default", url.Values{
		"phone": {string(ann)}, "consent": {"yes"}, "form_token": {tokenIn.FindStringSubmatch(page)[1]},
	})
	must(t, err)
	must(t, r.Body.Close())
	if r.StatusCode != http.StatusOK { // redirected to the thank-you page
		t.Fatalf("sign-up answered %s", r.Status)
	}
	d.phoneShows(string(ann), "Harbor Bikes: thanks for signing up")
	password := d.password
	d.terminate()

	d = startDev(t, dir)
	if d.password != password {
		t.Error("the admin's password changed over a restart")
	}
	d.phoneShows(string(ann), "thanks for signing up")
	d.kill()

	for range 2 {
		d = startDev(t, dir)
		d.phoneShows(string(ann), "thanks for signing up")
		d.kill()
	}
	d = startDev(t, dir)
	texted, err := http.PostForm(d.phones+"/phone/"+url.PathEscape(string(ann))+"/texts", url.Values{"to": {devSender}, "body": {"HOURS"}})
	must(t, err)
	must(t, texted.Body.Close())
	d.phoneShows(string(ann), "open Mon-Fri 9-6")
	d.terminate()
	t.Logf("warm start in %v", d.startedIn)
	d.logs.checkPrivate(t)
}

// Two devs do not share a folder.
func TestDevAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := lockDev(dir)
	must(t, err)
	if _, err := lockDev(dir); err == nil || !strings.Contains(err.Error(), "another textme dev") {
		t.Errorf("a second dev: got %v, want a refusal that says why", err)
	}
	must(t, first.Close())
	again, err := lockDev(dir)
	must(t, err)
	must(t, again.Close())
}
