package plane

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is one in the table of processes. Its number may be given to another one later; the time of its start is not.
type process struct {
	pid, parent int
	started     string
	words       string // of its command line
	dead        bool   // it has ended, and its parent has not looked
}

// processes are all processes of the machine by number.
func processes(t *testing.T) map[int]process {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(dirs) == 0 {
		t.Skip("processes are counted in /proc, which this system does not have")
	}
	found := map[int]process{}
	for _, dir := range dirs {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it has just ended
		}
		// PID (NAME) STATE PARENT …; the name may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		words, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		pid, _ := strconv.Atoi(filepath.Base(dir))
		parent, _ := strconv.Atoi(fields[1])
		found[pid] = process{pid, parent, fields[19], string(bytes.ReplaceAll(words, []byte{0}, []byte{' '})), fields[0] == "Z"}
	}
	return found
}

// descendants are a process and all below it.
func descendants(t *testing.T, root int) []process {
	t.Helper()
	all := processes(t)
	family := []process{all[root]}
	for i := 0; i < len(family); i++ {
		for _, each := range all {
			if each.parent == family[i].pid && !each.dead {
				family = append(family, each)
			}
		}
	}
	return family
}

// mentioning are the processes that name a folder in their command line or environment: the components of the plane
// that lives there, and its containers, also those that left their parents.
func mentioning(t *testing.T, dir string) []process {
	t.Helper()
	var found []process
	for pid, each := range processes(t) {
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if pid != os.Getpid() && !each.dead && (strings.Contains(each.words, dir) || bytes.Contains(environ, []byte(dir))) {
			found = append(found, each)
		}
	}
	return found
}

// population are all processes of a plane.
func (r *running) population(t *testing.T) []process {
	t.Helper()
	members := map[int]process{}
	for _, each := range slices.Concat(descendants(t, r.cmd.Process.Pid), mentioning(t, r.dir)) {
		members[each.pid] = each
	}
	return slices.Collect(maps.Values(members))
}

// nothingLeft waits until none of these processes runs any more, and no other of the plane either.
func (r *running) nothingLeft(t *testing.T, members []process, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		now := processes(t)
		left := mentioning(t, r.dir)
		for _, each := range members {
			if same, exists := now[each.pid]; exists && same.started == each.started && !same.dead {
				left = append(left, same)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s there are still %+v", within, left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
