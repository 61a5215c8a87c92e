package proc

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestStartedProcessesDieWithTheirParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal")
	}
	parent := role(t, "parent")
	child := launch(t, parent)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, child, "its parent was killed")
}

func TestStartedProcessesOutliveTheThreadThatAskedForThem(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		result <- Start(cmd)
	}()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("the process ended with the thread: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	_ = cmd.Process.Kill()
	<-ended
}

func TestStartReportsWhatCannotRun(t *testing.T) {
	if err := Start(exec.Command("/nowhere/program")); err == nil {
		t.Error("a program that does not exist was started")
	}
}

func TestATiedProcessEndsWhenThePipeCloses(t *testing.T) {
	cmd := role(t, "tied")
	tie, err := Tie(cmd)
	if err != nil {
		t.Fatal(err)
	}
	pid := launch(t, cmd)
	if !alive(pid) {
		t.Fatal("it does not run while the pipe is open")
	}
	if err := tie.Close(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, pid, "the pipe was closed")
}

func TestAnUntiedProcessDoesNotReadItsInput(t *testing.T) {
	pid := launch(t, role(t, "tied")) // its standard input ends at once
	time.Sleep(200 * time.Millisecond)
	if !alive(pid) {
		t.Error("a process that was not tied ended with its standard input")
	}
}

func TestSignalGroupReachesTheWholeGroupAndForgivesAGoneOne(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 60 & echo $!; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	grandchild := launch(t, cmd)
	SignalGroup(cmd.Process.Pid, syscall.SIGKILL)
	mustEnd(t, grandchild, "its group was killed")
	_ = cmd.Wait()
	SignalGroup(cmd.Process.Pid, syscall.SIGKILL)
}
