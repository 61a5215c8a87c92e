package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/squared-ai/sync-operator/cluster/internal/proc"
)

// run starts a shell script as a container's process.
func run(t *testing.T, script string) (*process, *logFile) {
	t.Helper()
	watch, err := proc.NewWatch("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watch.Close) // which also kills what a failed test leaves
	log := newLog(t)
	agent := &Agent{id: "test", watch: watch}
	started, err := agent.startProcess(&command{
		argv: []string{"sh", "-c", script}, env: []string{"GREETING=hello"}, dir: t.TempDir(), path: standardPath,
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	return started, log
}

func waitFor(t *testing.T, p *process) exit {
	t.Helper()
	select {
	case <-p.done:
		return p.exit
	case <-time.After(30 * time.Second):
		t.Fatal("the process still runs")
		return exit{}
	}
}

// waitForLog waits until a process has said something.
func waitForLog(t *testing.T, log *logFile, words string) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if text := all(t, log.path); strings.Contains(text, words) {
			return text
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q never came", words)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for script, want := range map[string]exit{
		"exit 0":        {code: 0, reason: "Completed"},
		"exit 3":        {code: 3, reason: "Error"},
		"exit 255":      {code: 255, reason: "Error"},
		"kill -KILL $$": {code: 137, reason: "Error"},
		"kill -TERM $$": {code: 143, reason: "Error"},
		"nonesuch":      {code: 127, reason: "Error"},
	} {
		p, _ := run(t, script)
		if got := waitFor(t, p); got != want {
			t.Errorf("%s: got %+v, want %+v", script, got, want)
		}
	}
}

func TestAProcessHasItsEnvironmentAndNothingOfOurs(t *testing.T) {
	t.Setenv("OF_THE_AGENT", "secret")
	p, log := run(t, `echo "$GREETING $OF_THE_AGENT."; echo warning >&2`)
	waitFor(t, p)
	got := all(t, log.path)
	if !strings.Contains(got, "hello .\n") || !strings.Contains(got, "warning\n") {
		t.Errorf("got %q", got)
	}
}

func TestAContainerGoesWithItsFirstProcess(t *testing.T) {
	p, log := run(t, "sleep 60 & echo $!")
	waitFor(t, p)
	mustBeGone(t, pidIn(t, all(t, log.path)))
}

// A daemon in a session of its own keeps the pipes open; the container ends nevertheless.
func TestADaemonDoesNotKeepAContainerFromEnding(t *testing.T) {
	t.Parallel()
	setsid, err := lookPath("setsid", standardPath, "/")
	if err != nil {
		t.Skip("this system has no setsid")
	}
	p, log := run(t, "echo said; "+setsid+" sleep 60 & sleep 0.2")
	if got := waitFor(t, p); got.code != 0 {
		t.Errorf("got %+v", got)
	}
	if got := all(t, log.path); got != "said\n" {
		t.Errorf("got %q", got)
	}
}

func TestTerminateAsksFirst(t *testing.T) {
	p, log := run(t, `trap 'echo going; exit 5' TERM; echo up; while :; do sleep 0.05; done`)
	waitForLog(t, log, "up")
	p.terminate(func() time.Time { return time.Now().Add(time.Minute) })
	if p.exit.code != 5 || !strings.Contains(all(t, log.path), "going") {
		t.Errorf("got %+v, and the log %q", p.exit, all(t, log.path))
	}
}

func TestTerminateKillsAtTheEndOfTheGracePeriod(t *testing.T) {
	p, log := run(t, `trap 'echo no' TERM; echo up; while :; do sleep 0.05; done`)
	waitForLog(t, log, "up")
	begun := time.Now()
	killAt := begun.Add(700 * time.Millisecond)
	p.terminate(func() time.Time { return killAt })
	if took := time.Since(begun); p.exit.code != 137 || took < 700*time.Millisecond {
		t.Errorf("got %+v after %s", p.exit, took)
	}
	if !strings.Contains(all(t, log.path), "no") {
		t.Error("it was not asked first")
	}
}

func TestTheGracePeriodMayBecomeShorterMeanwhile(t *testing.T) {
	p, log := run(t, `trap '' TERM; echo up; while :; do sleep 0.05; done`)
	waitForLog(t, log, "up")
	begun := time.Now()
	p.terminate(func() time.Time {
		if time.Since(begun) > 200*time.Millisecond {
			return time.Time{} // deleted by force
		}
		return begun.Add(time.Hour)
	})
	if p.exit.code != 137 {
		t.Errorf("got %+v", p.exit)
	}
}

func TestNothingLeftOfTheGracePeriodMeansNoQuestion(t *testing.T) {
	p, log := run(t, `trap 'echo asked; exit 5' TERM; echo up; while :; do sleep 0.05; done`)
	waitForLog(t, log, "up")
	p.terminate(func() time.Time { return time.Time{} })
	if p.exit.code != 137 {
		t.Errorf("got %+v", p.exit)
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	agent := &Agent{}
	_, err := agent.startProcess(&command{argv: []string{"nonesuch"}, path: "/bin", dir: "/"}, newLog(t))
	if err == nil || !strings.Contains(err.Error(), `"nonesuch": not found on the container's PATH /bin`) {
		t.Errorf("got %v", err)
	}
}

func TestTerminationMessage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "message")
	log := newLog(t)
	log.copy("stderr", strings.NewReader(strings.Repeat("early\n", 1000)+"cause\n"))
	onError := &corev1.Container{TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError}
	fromFile := &corev1.Container{TerminationMessagePolicy: corev1.TerminationMessageReadFile}
	for name, each := range map[string]struct {
		container *corev1.Container
		content   string
		code      int32
		check     func(got string) bool
	}{
		"the file":              {fromFile, "done", 0, func(got string) bool { return got == "done" }},
		"the file of a failure": {onError, "why", 1, func(got string) bool { return got == "why" }},
		"a large file is cut": {fromFile, strings.Repeat("x", maxMessage+1), 1, func(got string) bool {
			return len(got) == maxMessage
		}},
		"the log of a failure": {onError, "", 1, func(got string) bool {
			return strings.HasSuffix(got, "early\ncause\n") && strings.Count(got, "\n") == maxLogLines
		}},
		"no log where only the file counts": {fromFile, "", 1, func(got string) bool { return got == "" }},
		"no log of a success":               {onError, "", 0, func(got string) bool { return got == "" }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(each.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := terminationMessage(each.container, file, log.path, each.code); !each.check(got) {
				t.Errorf("got %d bytes: %.100q", len(got), got)
			}
		})
	}
	t.Run("a container that removed the file", func(t *testing.T) {
		if got := terminationMessage(fromFile, filepath.Join(t.TempDir(), "none"), log.path, 1); got != "" {
			t.Errorf("got %q", got)
		}
	})
}

func TestALongLogIsCutToItsEnd(t *testing.T) {
	log := newLog(t)
	log.copy("stderr", strings.NewReader(strings.Repeat("x", 3*maxLogMessage)+"end"))
	container := &corev1.Container{TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError}
	got := terminationMessage(container, filepath.Join(t.TempDir(), "none"), log.path, 1)
	if len(got) != maxLogMessage || !strings.HasSuffix(got, "xend") {
		t.Errorf("got %d bytes: … %q", len(got), got[max(0, len(got)-10):])
	}
}

func pidIn(t *testing.T, text string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func mustBeGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}
