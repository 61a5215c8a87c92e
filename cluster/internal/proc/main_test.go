package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roles are what the test program does instead of testing when its first argument names one: these tests are about
// processes that end, and this process must not.
var roles = map[string]func(){
	"guard":  func() { os.Exit(Guard(os.Stdin)) },
	"parent": func() { startSleep(nil) },
	"guarded-parent": func() {
		watch, err := NewWatch(os.Args[2])
		if err != nil {
			panic(err)
		}
		startSleep(watch)
	},
	"tied": func() {
		DieWithParent()
		fmt.Println(os.Getpid())
		time.Sleep(time.Minute)
	},
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		roles[os.Args[1]]()
		return
	}
	os.Exit(m.Run())
}

// startSleep starts a process, prints its id, and waits to be killed. With a guard the process is in its care only:
// it is not started through Start.
func startSleep(watch *Watch) {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	start := Start
	if watch != nil {
		start = (*exec.Cmd).Start
	}
	if err := start(cmd); err != nil {
		panic(err)
	}
	if watch != nil {
		watch.Add(cmd.Process.Pid)
	}
	fmt.Println(cmd.Process.Pid)
	time.Sleep(time.Minute)
}

// role is the test program again, in another role.
func role(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], words...)
	cmd.Stderr = os.Stderr
	return cmd
}

// launch starts it and returns the process id that it prints.
func launch(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%v printed no process id: %v", cmd.Args, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive tells whether a process runs. One that has ended and waits for its parent's notice does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !os.IsNotExist(err)
	}
	_, after, _ := strings.Cut(string(status), ") ")
	return !strings.HasPrefix(after, "Z")
}

// mustEnd waits for the end of a process that something else is to bring about.
func mustEnd(t *testing.T, pid int, why string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d still runs: %s", pid, why)
		}
	}
}
