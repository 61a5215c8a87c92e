package node

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	crilogs "k8s.io/cri-client/pkg/logs"
)

func never() bool { return false }

func newLog(t *testing.T) *logFile {
	t.Helper()
	log, err := createLog(filepath.Join(t.TempDir(), "main", "0.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.finish)
	return log
}

// all reads a log that has ended, as "kubectl logs" shows it.
func all(t *testing.T, path string) string {
	t.Helper()
	var text bytes.Buffer
	if err := readLog(t.Context(), path, &crilogs.LogOptions{}, never, &text, &text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestOutputIsStoredAndReadUnchanged(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, text := range map[string]string{
		"nothing":                      "",
		"a line":                       "one\n",
		"lines, one of them empty":     "one\n\nthree\n",
		"a last line without its end":  "one\ntwo",
		"blanks and other signs":       " a  b\t\r\n€ F P stdout\n",
		"bytes that are no text":       "\xff\x00\xfe\n",
		"a line of just the limit":     long + "\n" + "next\n",
		"one more than the limit":      long + "y\nnext\n",
		"one less than the limit":      long[1:] + "\nnext\n",
		"many times the limit":         strings.Repeat(long, 5) + "end\nnext\n",
		"the limit without an end":     long,
		"two lines around the limit":   "short\n" + long + "\n",
		"a long line without an end":   "short\n" + long + long + "tail",
		"nothing but ends of lines":    strings.Repeat("\n", 100),
		"more short lines than buffer": strings.Repeat("0123456789\n", maxLine/4),
	} {
		t.Run(name, func(t *testing.T) {
			for way, from := range map[string]io.Reader{
				"at once":     strings.NewReader(text),
				"in halves":   iotest.HalfReader(strings.NewReader(text)),
				"in bytes":    iotest.OneByteReader(strings.NewReader(text)),
				"with an EOF": iotest.DataErrReader(strings.NewReader(text)),
			} {
				log := newLog(t)
				log.copy("stdout", from)
				if got := all(t, log.path); got != text {
					t.Errorf("%s: read %d bytes, want %d: %.40q …, want %.40q …", way, len(got), len(text), got, text)
				}
			}
		})
	}
}

func TestALogIsInTheFormatOfContainerRuntimes(t *testing.T) {
	log := newLog(t)
	log.copy("stderr", strings.NewReader(strings.Repeat("x", maxLine+1)+"\nlast"))
	data, err := os.ReadFile(log.path)
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) != 4 || fields[1] != "stderr" {
			t.Fatalf("not TIME stderr TAG TEXT: %.60q", line)
		}
		if _, err := time.Parse(time.RFC3339Nano, fields[0]); err != nil {
			t.Error(err)
		}
		tags = append(tags, fields[2])
	}
	if got := strings.Join(tags, ""); got != "PFP" {
		t.Errorf("pieces and lines: got %s, want PFP", got)
	}
}

func TestWhatWasReadBeforeAFailureIsKept(t *testing.T) {
	log := newLog(t)
	log.copy("stdout", io.MultiReader(strings.NewReader("whole\nhalf"), iotest.ErrReader(errors.New("broken"))))
	if got := all(t, log.path); got != "whole\nhalf" {
		t.Errorf("got %q", got)
	}
}

func TestStreamsAreToldApart(t *testing.T) {
	log := newLog(t)
	log.copy("stdout", strings.NewReader("out\n"))
	log.copy("stderr", strings.NewReader("err\n"))
	var stdout, stderr bytes.Buffer
	if err := readLog(t.Context(), log.path, &crilogs.LogOptions{}, never, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	if stdout.String() != "out\n" || stderr.String() != "err\n" {
		t.Errorf("got %q and %q", stdout.String(), stderr.String())
	}
}

func TestLastLines(t *testing.T) {
	log := newLog(t)
	log.copy("stdout", strings.NewReader("1\n2\n3\n"))
	log.copy("stderr", strings.NewReader("4"))
	if got, err := lastLines(log.path, 2); err != nil || string(got) != "3\n4" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A follower sees each line when it is written, and ends with the container: at once, and not when it looks again.
func TestFollowing(t *testing.T) {
	log := newLog(t)
	reader, writer := io.Pipe()
	result := make(chan error, 1)
	go func() {
		result <- readLog(t.Context(), log.path, &crilogs.LogOptions{Follow: true}, log.open.Load, writer, writer)
		_ = writer.Close()
	}()
	buffer := make([]byte, 100)
	for _, line := range []string{"first\n", "second\n"} {
		log.copy("stdout", strings.NewReader(line))
		count, err := reader.Read(buffer)
		if err != nil || string(buffer[:count]) != line {
			t.Fatalf("got %q, %v; want %q", buffer[:count], err, line)
		}
	}
	select {
	case err := <-result:
		t.Fatalf("ended before the container: %v", err)
	case <-time.After(100 * time.Millisecond):
	}

	log.copy("stdout", strings.NewReader("last words"))
	log.finish()

	rest, err := io.ReadAll(reader)
	if err != nil || string(rest) != "last words" {
		t.Errorf("got %q, %v", rest, err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}
