package proc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Marker is the environment variable that tells whose container a process belongs to. It finds those that left
// their process group (daemons), which no signal to the group reaches.
const Marker = "LOCALPLANE_CONTAINER_OF"

// Watch is the node agent's end of the line to its guard.
type Watch struct {
	mu   sync.Mutex
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// NewWatch starts the guard: this binary again, in a session of its own, so that a signal meant for the terminal or
// for the agent's group does not take it along. It is the one process of ours without a death signal: it must live
// a moment longer than the agent, and then ends by itself.
func NewWatch(owner string) (*Watch, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "guard")
	cmd.Env = []string{Marker + "_GUARD=" + owner}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard of the containers: %w", err)
	}
	return &Watch{pipe: pipe, cmd: cmd}, nil
}

// Add has a process group killed should this process die.
func (w *Watch) Add(pgid int) { w.send('+', pgid) }

// Remove forgets a process group that has ended.
func (w *Watch) Remove(pgid int) { w.send('-', pgid) }

func (w *Watch) send(sign byte, pgid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintf(w.pipe, "%c%d\n", sign, pgid)
}

// Close ends the guard, after it has killed what is left.
func (w *Watch) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.pipe.Close()
	timer := time.AfterFunc(2*time.Second, func() { _ = w.cmd.Process.Kill() })
	defer timer.Stop()
	_ = w.cmd.Wait()
}

// Guard is the main function of the guard: it keeps the list of process groups, and kills them when its input ends.
func Guard(in io.Reader) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	for pgid := range readGroups(in) {
		SignalGroup(pgid, syscall.SIGKILL)
	}
	if owner := os.Getenv(Marker + "_GUARD"); owner != "" {
		killMarked(Marker + "=" + owner)
	}
	return 0
}

// readGroups follows the additions and removals to the end of the input.
func readGroups(in io.Reader) map[int]bool {
	groups := map[int]bool{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if len(line) < 2 {
			continue
		}
		pgid, err := strconv.Atoi(line[1:])
		if err != nil || pgid <= 1 {
			continue // to signal group 0 or 1 would be to signal ourselves, or everybody
		}
		if line[0] == '+' {
			groups[pgid] = true
		} else {
			delete(groups, pgid)
		}
	}
	return groups
}
