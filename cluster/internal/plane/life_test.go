package plane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// soon is how long a plane may take to vanish when it is not asked but killed, on a machine that is busy.
const soon = 20 * time.Second

func TestThePlaneIsReadyInTimeAndItsKubeconfigWorks(t *testing.T) {
	r := sharedPlane(t)
	if r.took > time.Minute {
		t.Errorf("ready after %s", r.took)
	}
	if stdout, stderr, code := r.kubectl(t, "get", "--raw", "/readyz"); code != 0 || stdout != "ok" {
		t.Errorf("/readyz: %q, %s", stdout, stderr)
	}
	stdout, stderr, _ := r.kubectl(t, "get", "nodes", "--no-headers")
	if fields := strings.Fields(stdout); len(fields) < 2 || fields[0] != "localplane" || fields[1] != "Ready" {
		t.Errorf("kubectl get nodes: %q, %s", stdout, stderr)
	}
	if info, err := os.Stat(r.at("kubeconfig")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig, which holds a token: %v, %v", info, err)
	}
}

func TestAFolderHoldsOnePlane(t *testing.T) {
	r := sharedPlane(t)
	output, err := exec.Command(localplane(t), upArgs(r.dir)...).CombinedOutput()
	if err == nil || !strings.Contains(string(output), "another localplane runs in "+r.dir) {
		t.Errorf("%v: %s", err, output)
	}
	if _, stderr, code := r.kubectl(t, "get", "--raw", "/readyz"); code != 0 {
		t.Errorf("the first one was disturbed: %s", stderr)
	}
}

// A port may be taken by another process after it was chosen and before its component listens: here by this test.
func TestAPortThatIsTakenBeforeItIsUsedIsReplaced(t *testing.T) {
	path, dir := localplane(t), t.TempDir()
	remembered := filepath.Join(dir, "ports.json")
	taken := make(chan net.Listener, 1)
	ctx, cancel := context.WithTimeout(t.Context(), testPatience)
	defer cancel()
	go func() {
		defer close(taken)
		for ctx.Err() == nil {
			chosen := &ports{}
			if data, err := os.ReadFile(remembered); err == nil && json.Unmarshal(data, chosen) == nil && chosen.APIServer != 0 {
				if listener, err := net.Listen("tcp", loopback(chosen.APIServer)); err == nil {
					taken <- listener
				}
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()

	r, err := launch(dir, exec.Command(path, upArgs(dir)...))
	cancel()
	listener := <-taken
	if listener == nil {
		t.Fatal("the test was too late to take the port")
	}
	defer listener.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := r.kubectl(t, "get", "--raw", "/readyz"); code != 0 {
		t.Errorf("the second start does not work: %s", stderr)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	want := "another process has taken a port of kube-apiserver; starting again with another port (attempt 2 of 3)"
	if !strings.Contains(r.stderr.String(), want) {
		t.Errorf("it does not say %q: %s", want, r.stderr)
	}
}

// A plane ends in four ways, one after the other in the same folder. Each time there are containers, one of them with a
// daemon that left its process group, and each time nothing may be left.
func TestAPlaneEndsWithAllItsProcesses(t *testing.T) {
	path, dir := localplane(t), t.TempDir()
	processes(t) // or skip

	begin := func(t *testing.T, words ...string) (*running, []process) {
		t.Helper()
		r, err := launch(dir, exec.Command(words[0], append(words[1:], upArgs(dir)...)...))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // should the test have failed
			_ = r.cmd.Process.Kill()
			<-r.ended
		})
		r.populate(t)
		members := r.population(t)
		for _, want := range []string{etcdName, apiserverName, controllerManagerName, nodeName, "guard", "sleep 3456"} {
			if !strings.Contains(fmt.Sprintf("%+v", members), want) {
				t.Fatalf("there is no %s in %+v", want, members)
			}
		}
		return r, members
	}

	t.Run("asked to stop", func(t *testing.T) {
		r, members := begin(t, path)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		r.nothingLeft(t, members, 0)
	})
	t.Run("a component dies", func(t *testing.T) {
		r, members := begin(t, path)
		if _, stderr, code := r.kubectl(t, "get", "pod", "container"); code != 0 {
			t.Errorf("the objects of before are gone: %s", stderr)
		}
		for _, each := range members {
			if strings.Contains(each.words, controllerManagerName+" ") {
				_ = syscall.Kill(each.pid, syscall.SIGKILL)
			}
		}
		<-r.ended
		var exit *exec.ExitError
		if !errors.As(r.err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("localplane up: %v", r.err)
		}
		if want := "kube-controller-manager ended unexpectedly (signal: killed)"; !strings.Contains(r.stderr.String(), want) {
			t.Errorf("it does not say %q: %s", want, r.stderr)
		}
		r.nothingLeft(t, members, 0)
	})
	t.Run("killed", func(t *testing.T) {
		r, members := begin(t, path)
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.nothingLeft(t, members, soon)
	})
	t.Run("its parent is killed", func(t *testing.T) {
		r, members := begin(t, os.Args[0], "parent", path)
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.nothingLeft(t, members, soon)
	})
}

// populate runs a pod with a daemon, unless an earlier plane in the folder has.
func (r *running) populate(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testPatience)
	defer cancel()
	pods := r.client.CoreV1().Pods("default")
	spec := shell(`setsid sh -c 'sleep 3456 & exec sleep 3456' & trap '' TERM; while :; do sleep 0.1; done`)
	spec.RestartPolicy = corev1.RestartPolicyAlways
	_, _ = pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "container"}, Spec: spec}, metav1.CreateOptions{})
	eventually(t, func() string {
		if _, err := pods.Get(ctx, "container", metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		if !strings.Contains(fmt.Sprintf("%+v", mentioning(t, r.dir)), "sleep 3456") {
			return "the container's daemon"
		}
		return ""
	})
}

// beParent is what this program does in place of the tests when told to: it starts "up", hands its first line on, and
// stays until it is killed.
func beParent(words []string) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	fmt.Print(line)
	_ = cmd.Wait()
}

func TestAPlaneThatIsStoppedWhileItStartsIsGone(t *testing.T) {
	path, dir := localplane(t), t.TempDir()
	cmd := exec.Command(path, upArgs(dir)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{layout: layout{dir}, cmd: cmd}
	eventually(t, func() string {
		if _, err := os.Stat(r.log(etcdName)); err != nil {
			return err.Error()
		}
		return ""
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("localplane up: %v", err)
	}
	r.nothingLeft(t, nil, 0)
	if _, err := os.Stat(filepath.Join(dir, "kubeconfig")); !os.IsNotExist(err) {
		t.Error("there is a kubeconfig, which means a plane that is ready")
	}
}
