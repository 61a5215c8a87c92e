package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/klog/v2"
)

// Restarts back off like a kubelet's, only from one second on instead of ten: nobody wants to wait in a test.
const (
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	// resetBackoff is how long a container must have run for its next restart to be quick again.
	resetBackoff = 10 * time.Minute
	// retryPeriod is how often an obstacle is looked at again without any sign that it has gone.
	retryPeriod = 10 * time.Second
	// volumePeriod is how often volumes are looked at without any sign of a change: it renews tokens.
	volumePeriod = time.Minute
)

// execute runs the pod's containers until none will run again, or ctx ends.
func (w *worker) execute(ctx context.Context) {
	defer func() {
		w.mu.Lock()
		w.finished = true
		w.mu.Unlock()
		poke(w.changed)
	}()
	pod := w.spec()
	if err := unsupported(pod); err != nil {
		w.refuse(err)
		return
	}
	if pod.Spec.ActiveDeadlineSeconds != nil {
		limit := time.Duration(*pod.Spec.ActiveDeadlineSeconds) * time.Second
		timer := time.AfterFunc(time.Until(w.started.Add(limit)), func() {
			late := &verdict{"DeadlineExceeded", "Pod was active on the node longer than the specified deadline"}
			w.note(late.reason, "%s", late.message)
			w.stop(graceOf(pod), late)
		})
		defer timer.Stop()
	}
	if !w.mountVolumes(ctx, pod) {
		return
	}
	updates, stopUpdates := context.WithCancel(ctx)
	defer stopUpdates()
	go w.keepVolumes(updates)

	for i := range pod.Spec.InitContainers {
		if !w.runContainer(ctx, &pod.Spec.InitContainers[i], true) {
			return
		}
	}
	var running sync.WaitGroup
	for i := range pod.Spec.Containers {
		running.Go(func() { w.runContainer(ctx, &pod.Spec.Containers[i], false) })
	}
	running.Wait()
}

// unsupported says what a pod asks for that cannot be had here, ever.
func unsupported(pod *corev1.Pod) error {
	for _, container := range pod.Spec.InitContainers {
		if container.RestartPolicy != nil {
			return fmt.Errorf("init container %q has a restartPolicy: localplane runs plain init containers only", container.Name)
		}
	}
	return unsupportedVolume(pod)
}

func graceOf(pod *corev1.Pod) time.Duration {
	if pod.Spec.TerminationGracePeriodSeconds == nil {
		return 30 * time.Second
	}
	return time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second
}

// mountVolumes fills the volumes, and waits for what they need. False if the pod was stopped over it.
func (w *worker) mountVolumes(ctx context.Context, pod *corev1.Pod) bool {
	for {
		sign := w.refresh.next()
		err := writeVolumes(ctx, w.agent.sources, pod, w.place.volumes())
		if err == nil || ctx.Err() != nil {
			return err == nil
		}
		w.warn("FailedMount", "%v", err)
		for _, container := range allContainers(pod) {
			w.wait(container.Name, &waiting{"ContainerCreating", err.Error()})
		}
		if !pause(ctx, retryPeriod, sign) {
			return false
		}
		pod = w.spec()
	}
}

// keepVolumes writes the volumes again when something in them may have changed.
func (w *worker) keepVolumes(ctx context.Context) {
	for sign := w.refresh.next(); pause(ctx, volumePeriod, sign); {
		sign = w.refresh.next()
		pod := w.spec()
		if err := writeVolumes(ctx, w.agent.sources, pod, w.place.volumes()); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "Cannot update a volume; it keeps its content", "pod", klog.KObj(pod))
		}
	}
}

// pause waits for a sign or for the time to pass. False when ctx ends.
func pause(ctx context.Context, period time.Duration, sign <-chan struct{}) bool {
	timer := time.NewTimer(period)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-sign:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

func (w *worker) wait(name string, obstacle *waiting) {
	w.set(name, func(r *record) {
		r.state = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: obstacle.reason, Message: obstacle.message}}
	})
}

// refuse ends a pod that cannot run here before anything of it has begun.
func (w *worker) refuse(because error) {
	w.mu.Lock()
	w.verdict = &verdict{"Unsupported", because.Error()}
	clear(w.records) // as with a pod that a kubelet does not admit: it has no containers
	w.mu.Unlock()
	w.warn("Unsupported", "%v", because)
}

// runContainer runs a container as often as its pod's restart policy wants. It tells whether it succeeded at last.
func (w *worker) runContainer(ctx context.Context, container *corev1.Container, isInit bool) bool {
	backoff := firstBackoff
	for {
		if code, ended := w.record(container.Name).exitCode(); ended {
			policy := w.spec().Spec.RestartPolicy
			if ctx.Err() != nil || !restarts(policy, isInit, code) {
				return code == 0
			}
			if !w.backOff(ctx, container, backoff) {
				return false
			}
			backoff = min(2*backoff, maxBackoff)
		}
		begun := time.Now()
		if !w.runOnce(ctx, container) {
			return false
		}
		if time.Since(begun) > resetBackoff {
			backoff = firstBackoff
		}
	}
}

// backOff keeps a container that has ended waiting before it runs again.
func (w *worker) backOff(ctx context.Context, container *corev1.Container, period time.Duration) bool {
	w.set(container.Name, func(r *record) {
		r.last = r.state
		r.state = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason:  "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off %s restarting failed container=%s", period, container.Name),
		}}
	})
	w.warn("BackOff", "Back-off restarting failed container %s in pod %s", container.Name, w.spec().Name)
	if !pause(ctx, period, nil) {
		return false
	}
	w.set(container.Name, func(r *record) { r.restarts++ })
	return true
}

// runOnce starts a container and waits for its end. False if it never came to start because the pod was stopped.
func (w *worker) runOnce(ctx context.Context, container *corev1.Container) bool {
	process, log, begun := w.start(ctx, container)
	if begun == nil {
		return false
	}
	ended := exit{code: exitCannotStart, reason: "StartError"}
	if process != nil {
		select {
		case <-process.done:
		case <-ctx.Done():
			w.note("Killing", "Stopping container %s", container.Name)
			process.terminate(w.deadline)
		}
		ended = process.exit
	} else {
		ended.err = begun.failure
	}
	message := ended.err
	if message == "" {
		message = terminationMessage(container, w.place.terminationMessage(container.Name), log.path, ended.code)
	}
	log.finish()
	w.agent.openLogs.Delete(log.path)
	w.set(container.Name, func(r *record) {
		r.state = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: ended.code, Reason: ended.reason, Message: message,
			StartedAt: metav1.NewTime(begun.at), FinishedAt: metav1.Now(), ContainerID: r.id,
		}}
	})
	return true
}

// beginning is when a container began, and why it could not, if so.
type beginning struct {
	at      time.Time
	failure string
}

// start prepares a container, as long as an obstacle may still go away, and starts its process: nil if that failed,
// which ends this run of the container. Few start at a time, so that hundreds of pods do not all crawl.
func (w *worker) start(ctx context.Context, container *corev1.Container) (*process, *logFile, *beginning) {
	var command *command
	for {
		sign := w.refresh.next()
		var err error
		if command, err = w.agent.commandFor(ctx, w.spec(), container, w.place); err == nil {
			break
		}
		var obstacle *waiting
		if ctx.Err() != nil || !errors.As(err, &obstacle) {
			return nil, nil, nil
		}
		w.wait(container.Name, obstacle)
		w.warn("Failed", "Error: %s", obstacle.message)
		if !pause(ctx, retryPeriod, sign) {
			return nil, nil, nil
		}
	}
	select {
	case w.agent.starting <- struct{}{}:
		defer func() { <-w.agent.starting }()
	case <-ctx.Done():
		return nil, nil, nil
	}
	id := "localplane://" + string(uuid.NewUUID())
	begun := &beginning{at: time.Now()}
	log, err := w.agent.createLog(w.spec(), container.Name, int(w.record(container.Name).restarts))
	if err != nil {
		klog.ErrorS(err, "Cannot write a container's log", "pod", klog.KObj(w.spec()))
		return nil, nil, nil
	}
	var process *process
	if err = prepareDirs(container, w.place); err == nil {
		process, err = w.agent.startProcess(command, log)
	}
	if err != nil {
		begun.failure = err.Error()
		w.warn("Failed", "Error: %v", err)
	} else {
		w.note("Started", "Started container %s", container.Name)
	}
	w.set(container.Name, func(r *record) {
		r.id = id
		r.state = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(begun.at)}}
	})
	return process, log, begun
}

// createLog opens the log of one run of a container.
func (a *Agent) createLog(pod *corev1.Pod, container string, attempt int) (*logFile, error) {
	dir := filepath.Join(a.logDir(pod), container)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := createLog(filepath.Join(dir, strconv.Itoa(attempt)+".log"))
	if err == nil {
		a.openLogs.Store(log.path, log)
	}
	return log, err
}
