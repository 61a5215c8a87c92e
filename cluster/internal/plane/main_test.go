package plane

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
)

// binary is the variable that names the localplane to test; cluster/check builds it and sets it.
const binary = "LOCALPLANE"

// testPatience is for what takes a moment on an idle machine; a loaded one takes long.
const testPatience = 60 * time.Second

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "parent" {
		beParent(os.Args[2:])
		return
	}
	code := m.Run()
	if shared.running != nil {
		if err := shared.running.stop(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		_ = os.RemoveAll(shared.running.dir)
	}
	os.Exit(code)
}

// running is a plane that a test has started.
type running struct {
	layout
	cmd    *exec.Cmd
	client *kubernetes.Clientset
	took   time.Duration // until it was ready
	ended  chan struct{} // closed when "up" has ended
	err    error         // how it ended
	stderr *strings.Builder
}

func localplane(t *testing.T) string {
	t.Helper()
	path := os.Getenv(binary)
	if path == "" {
		t.Skip("LOCALPLANE does not name a localplane binary: run cluster/check, which builds one")
	}
	return path
}

// upArgs are the arguments of "up" for a plane whose pods are shell scripts.
func upArgs(dir string) []string {
	return []string{"up", "--dir", dir, "--image", "shell=/bin/sh"}
}

// launch starts "up", directly or with another process in between, and waits until it is ready.
func launch(dir string, cmd *exec.Cmd) (*running, error) {
	r := &running{layout: layout{dir}, cmd: cmd, ended: make(chan struct{}), stderr: &strings.Builder{}}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = r.stderr
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	r.took = time.Since(begun)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		r.err = cmd.Wait()
		close(r.ended)
	}()
	want := "ready " + filepath.Join(dir, "kubeconfig") + "\n"
	if err != nil || first != want {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-r.ended
		return nil, fmt.Errorf("localplane up said %q, want %q; on standard error:\n%s", first, want, r.stderr)
	}
	r.client, err = newClient(filepath.Join(dir, "kubeconfig"))
	return r, err
}

// stop ends it as a user does.
func (r *running) stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-r.ended:
	case <-time.After(testPatience):
		_ = r.cmd.Process.Kill()
		return fmt.Errorf("localplane up did not stop within %s", testPatience)
	}
	if r.err != nil {
		return fmt.Errorf("localplane up: %w\n%s", r.err, r.stderr)
	}
	return nil
}

// kubectl runs the plane's kubectl, as a person would. It returns both streams and the exit code.
func (r *running) kubectl(t *testing.T, words ...string) (string, string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.at("bin", "kubectl"), words...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+r.at("kubeconfig"))
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

var shared struct {
	once    sync.Once
	running *running
	err     error
}

// sharedPlane is the one plane of all tests that do not stop it.
func sharedPlane(t *testing.T) *running {
	t.Helper()
	path := localplane(t)
	shared.once.Do(func() {
		var dir string
		if dir, shared.err = os.MkdirTemp("", "localplane-test-"); shared.err == nil {
			shared.running, shared.err = launch(dir, exec.Command(path, upArgs(dir)...))
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.running
}

// eventually looks until nothing is missing any more; look says what is.
func eventually(t *testing.T, look func() string) {
	t.Helper()
	for deadline := time.Now().Add(testPatience); ; time.Sleep(50 * time.Millisecond) {
		missing := look()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", testPatience, missing)
		}
	}
}
