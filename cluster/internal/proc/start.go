// Package proc starts processes that cannot outlive the one that started them.
//
// Two nets, since neither is enough: the kernel's parent-death signal, which exists on Linux only and reaches a direct
// child only, and a pipe held open by the parent, whose end each child of ours watches. What a container starts is not
// ours and watches nothing; a guard process kills the process groups of all containers when the node agent is gone.
package proc

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// parentPipe marks a process whose standard input is the pipe to its parent.
const parentPipe = "LOCALPLANE_PARENT_PIPE"

var (
	starts    = make(chan func())
	startOnce sync.Once
)

// Start starts cmd so that it is killed when this process ends.
//
// The kernel sends the death signal when the *thread* that made the child ends, and Go ends threads as it likes.
// So every child is made on one thread that is never given up.
func Start(cmd *exec.Cmd) error {
	startOnce.Do(func() {
		go func() {
			runtime.LockOSThread()
			for start := range starts {
				start()
			}
		}()
	})
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	killWithParent(cmd.SysProcAttr)
	result := make(chan error, 1)
	starts <- func() { result <- cmd.Start() }
	return <-result
}

// Tie connects cmd's standard input to a pipe that the returned closer holds open. A command of this binary exits
// when the pipe closes, which the kernel does for a dead parent on every system.
func Tie(cmd *exec.Cmd) (io.WriteCloser, error) {
	cmd.Env = append(cmd.Env, parentPipe+"=1")
	return cmd.StdinPipe()
}

// DieWithParent makes this process exit when its parent closes the pipe, if it was started through Tie.
func DieWithParent() {
	if os.Getenv(parentPipe) == "" {
		return
	}
	_ = os.Unsetenv(parentPipe) // a fact about this process, not about what it starts
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
}

// SignalGroup sends a signal to every process of a group. A group that is gone is no error: that is what one wants.
func SignalGroup(pgid int, signal syscall.Signal) {
	_ = syscall.Kill(-pgid, signal)
}
