package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/squared-ai/sync-operator/cluster/internal/proc"
)

// How much of a termination message Kubernetes keeps: of the file, and of the log in its place.
const (
	maxMessage      = 4096
	maxLogMessage   = 2048
	maxLogLines     = 80
	exitCannotStart = 128
)

// process is a running container.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	exit exit
}

// exit is how a container ended.
type exit struct {
	code   int32
	reason string
	err    string
}

// startProcess starts a container's command in a process group of its own, with its output going to the log.
func (a *Agent) startProcess(c *command, log *logFile) (*process, error) {
	program, err := lookPath(c.argv[0], c.path, c.dir)
	if err != nil {
		return nil, err
	}
	output, err := log.pipes()
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path:        program,
		Args:        c.argv,
		Env:         append(c.env, proc.Marker+"="+a.id),
		Dir:         c.dir,
		Stdout:      output.stdout,
		Stderr:      output.stderr,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	err = proc.Start(cmd)
	output.release()
	if err != nil {
		output.drain()
		return nil, err
	}
	pgid := cmd.Process.Pid
	a.watch.Add(pgid)
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.exit = exitOf(cmd.Wait())
		proc.SignalGroup(pgid, syscall.SIGKILL) // a container goes with its first process
		a.watch.Remove(pgid)
		output.drain()
		close(p.done)
	}()
	return p, nil
}

// exitOf reads the result of Wait as a container runtime does: death by signal N is exit code 128+N.
func exitOf(err error) exit {
	if err == nil {
		return exit{reason: "Completed"}
	}
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		return exit{code: exitCannotStart, reason: "ContainerCannotRun", err: err.Error()}
	}
	code := failed.ExitCode()
	if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return exit{code: int32(code), reason: "Error"}
}

// terminate asks the container to end, and ends it when its time is over. The time may become shorter meanwhile.
func (p *process) terminate(killAt func() time.Time) {
	pgid := p.cmd.Process.Pid
	if time.Now().Before(killAt()) {
		proc.SignalGroup(pgid, syscall.SIGTERM)
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if !time.Now().Before(killAt()) {
			proc.SignalGroup(pgid, syscall.SIGKILL)
			<-p.done
			return
		}
		select {
		case <-p.done:
			return
		case <-ticker.C:
		}
	}
}

// terminationMessage is what the container left as its last words: the file, or if it is empty and the container
// failed and its spec says so, the end of its log.
func terminationMessage(container *corev1.Container, file, log string, code int32) string {
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Sprintf("the termination message cannot be read: %v", err)
	}
	if len(data) > 0 {
		return string(data[:min(len(data), maxMessage)])
	}
	if code == 0 || container.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		return ""
	}
	lines, err := lastLines(log, maxLogLines)
	if err != nil {
		return fmt.Sprintf("the log cannot be read: %v", err)
	}
	return string(lines[max(0, len(lines)-maxLogMessage):])
}

// prepareDirs makes what the process expects to find: its working folder and an empty termination message file.
func prepareDirs(container *corev1.Container, at place) error {
	if err := os.MkdirAll(at.scratch(), 0o755); err != nil {
		return err
	}
	file := at.terminationMessage(container.Name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, nil, 0o666)
}
