package proc

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestReadGroups(t *testing.T) {
	for _, each := range []struct {
		name, input string
		want        []int
	}{
		{"nothing", "", nil},
		{"additions", "+100\n+200\n", []int{100, 200}},
		{"removals", "+100\n+200\n-100\n", []int{200}},
		{"a number used again", "+100\n-100\n+100\n", []int{100}},
		{"a removal of what was never added", "-100\n+200\n", []int{200}},
		{"a last line without its end", "+100\n+200", []int{100, 200}},
		{"groups that mean ourselves or everybody", "+0\n+1\n+-1\n+-300\n", nil},
		{"what is no number", "+\n\n+x\n+100\n", []int{100}},
	} {
		t.Run(each.name, func(t *testing.T) {
			got := slices.Sorted(maps.Keys(readGroups(strings.NewReader(each.input))))
			if !slices.Equal(got, each.want) {
				t.Errorf("readGroups(%q) = %v, want %v", each.input, got, each.want)
			}
		})
	}
}

func TestTheGuardKillsTheGroupsOfADeadParent(t *testing.T) {
	parent := role(t, "guarded-parent", "nobody")
	child := launch(t, parent)
	if !alive(child) {
		t.Fatal("the child does not run")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, child, "the guard was to kill its group")
}

func TestTheGuardSparesWhatItWasToldToForget(t *testing.T) {
	kept, forgotten := sleeper(t), sleeper(t)
	watch, err := NewWatch("nobody")
	if err != nil {
		t.Fatal(err)
	}
	watch.Add(kept)
	watch.Add(forgotten)
	watch.Remove(forgotten)

	watch.Close()

	mustEnd(t, kept, "the guard was to kill its group")
	if !alive(forgotten) {
		t.Error("the guard killed a group that it was told to forget")
	}
}

func TestTheGuardFindsMarkedProcessesThatLeftTheirGroup(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("marks are read from /proc, which this system does not have")
	}
	ours := sleeper(t, Marker+"=this plane")
	other := sleeper(t, Marker+"=this plane too")
	watch, err := NewWatch("this plane")
	if err != nil {
		t.Fatal(err)
	}

	watch.Close()

	mustEnd(t, ours, "it has the mark")
	if !alive(other) {
		t.Error("the guard killed a process with another mark")
	}
}

func TestHasEntry(t *testing.T) {
	environ := []byte("A=1\x00MARK=x\x00B=2\x00")
	for entry, want := range map[string]bool{"MARK=x": true, "MARK": false, "MARK=": false, "ARK=x": false, "B=2": true} {
		if got := hasEntry(environ, entry); got != want {
			t.Errorf("hasEntry(%q) = %v", entry, got)
		}
	}
}

// sleeper starts a process in a group of its own with these variables.
func sleeper(t *testing.T, env ...string) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	return cmd.Process.Pid
}
