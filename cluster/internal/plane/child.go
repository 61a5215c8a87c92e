package plane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/squared-ai/sync-operator/cluster/internal/proc"
)

// child is a component that runs as a process of its own.
type child struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	tie     io.Closer     // closing it tells the child that we are gone
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended, once done is closed
}

// startChild runs a component with its output in a log file.
func startChild(name, logPath string, program []string) (*child, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: the terminal's Ctrl-C must reach "up" only, which knows the order of stopping.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	tie, err := proc.Tie(cmd)
	if err != nil {
		return nil, err
	}
	if err := proc.Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{name: name, logPath: logPath, cmd: cmd, tie: tie, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// stop asks the child to end, and makes it end when it takes longer than patience, or at once when hurry is closed.
func (c *child) stop(patience time.Duration, hurry <-chan struct{}) {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(patience):
	case <-hurry:
	}
	_ = c.cmd.Process.Kill()
	<-c.done
}

// portTakenError is the end of a component that could not listen on its port, since another process does.
type portTakenError struct {
	component string
	end       error
}

func (e *portTakenError) Error() string { return e.end.Error() }

// failure describes an unexpected end, with what the component said last. It is a portTakenError if that is why.
func (c *child) failure() error {
	how := "exited with code 0"
	var exit *exec.ExitError
	if errors.As(c.err, &exit) {
		how = exit.String()
	} else if c.err != nil {
		how = c.err.Error()
	}
	last := tail(c.logPath, 20)
	end := fmt.Errorf("%s ended unexpectedly (%s). The end of %s:\n%s", c.name, how, c.logPath, last)
	if strings.Contains(last, syscall.EADDRINUSE.Error()) {
		return &portTakenError{c.name, end}
	}
	return end
}

// tail returns the last lines of a file, indented.
func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	all := strings.Split(string(bytes.TrimRight(data, "\n")), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return "  " + strings.Join(all, "\n  ")
}
