package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	crilogs "k8s.io/cri-client/pkg/logs"
)

// maxLine is the longest piece of a line that is written at once; a longer line is stored in pieces.
const maxLine = 16 * 1024

// logFile is the log of one run of a container, in the format of the container runtimes, so that their reader, with all
// its options, serves here too: time, stream, F for a whole line or P for a piece, text.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
	open atomic.Bool
}

func createLog(path string) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l := &logFile{path: path, file: file}
	l.open.Store(true)
	return l, nil
}

// finish says that nothing more comes. Changing the mode wakes those who follow, who would else notice late.
func (l *logFile) finish() {
	l.open.Store(false)
	_ = l.file.Chmod(0o400)
	_ = l.file.Close()
}

func (l *logFile) write(stream, tag string, text []byte) error {
	line := fmt.Appendf(nil, "%s %s %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), stream, tag, text)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.file.Write(line)
	return err
}

// copy stores what a container writes to one of its streams, line by line.
func (l *logFile) copy(stream string, from io.Reader) {
	buffer := make([]byte, 0, maxLine)
	for {
		count, err := from.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+count]
		rest := buffer
		for {
			text, after, found := bytes.Cut(rest, []byte{'\n'})
			if !found {
				break
			}
			_ = l.write(stream, "F", text)
			rest = after
		}
		if len(rest) == cap(buffer) || err != nil && len(rest) > 0 {
			_ = l.write(stream, "P", rest)
			rest = nil
		}
		buffer = append(buffer[:0], rest...)
		if err != nil {
			return
		}
	}
}

// output connects a process to a log.
type output struct {
	stdout, stderr *os.File // the process's ends
	readers        [2]*os.File
	copying        sync.WaitGroup
}

func (l *logFile) pipes() (*output, error) {
	fromStdout, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromStderr, stderr, err := os.Pipe()
	if err != nil {
		_ = fromStdout.Close()
		_ = stdout.Close()
		return nil, err
	}
	o := &output{stdout: stdout, stderr: stderr, readers: [2]*os.File{fromStdout, fromStderr}}
	o.copying.Go(func() { l.copy("stdout", fromStdout) })
	o.copying.Go(func() { l.copy("stderr", fromStderr) })
	return o, nil
}

// release closes our copies of the process's ends: the pipes then end with the process.
func (o *output) release() {
	_ = o.stdout.Close()
	_ = o.stderr.Close()
}

// drainLimit is how long the rest of the output of a container that has ended may take. It takes no time unless a
// process that left the group holds the pipes, or the machine is busy; then a part of the log would be lost.
const drainLimit = 2 * time.Second

// drain waits for the rest of the output.
func (o *output) drain() {
	for _, reader := range o.readers {
		_ = reader.SetReadDeadline(time.Now().Add(drainLimit))
	}
	o.copying.Wait()
	for _, reader := range o.readers {
		_ = reader.Close()
	}
}

// readLog copies a log to the writers; a nil one leaves its stream out. It follows while running says so.
func readLog(ctx context.Context, path string, options *crilogs.LogOptions, running func() bool, stdout, stderr io.Writer) error {
	return crilogs.ReadLogs(ctx, path, "", options, liveness{running: running}, stdout, stderr)
}

// liveness answers the one question that the reader of logs has for a container runtime.
type liveness struct {
	internalapi.RuntimeService
	running func() bool
}

func (l liveness) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	state := runtimeapi.ContainerState_CONTAINER_EXITED
	if l.running() {
		state = runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: state}}, nil
}

// logOptions translates the options of a request.
func logOptions(asked *corev1.PodLogOptions, now time.Time) *crilogs.LogOptions {
	options := &crilogs.LogOptions{
		TailLines:  asked.TailLines,
		LimitBytes: asked.LimitBytes,
		Follow:     asked.Follow,
		Timestamp:  asked.Timestamps,
	}
	switch {
	case asked.SinceSeconds != nil:
		options.Since = now.Add(-time.Duration(*asked.SinceSeconds) * time.Second)
	case asked.SinceTime != nil:
		options.Since = asked.SinceTime.Time
	}
	return options
}

// lastLines returns the text of the last lines of a log.
func lastLines(path string, count int64) ([]byte, error) {
	var text bytes.Buffer
	ended := func() bool { return false }
	err := readLog(context.Background(), path, &crilogs.LogOptions{TailLines: &count}, ended, &text, &text)
	return text.Bytes(), err
}
