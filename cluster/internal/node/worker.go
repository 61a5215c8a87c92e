package node

import (
	"context"
	"maps"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
)

// worker runs one pod from its binding to its end. One goroutine runs the containers (execute, in run.go), one
// reports the status (report, in report.go); they share the records.
type worker struct {
	agent *Agent
	place place

	mu       sync.Mutex
	pod      *corev1.Pod // as last seen in the API
	gone     bool        // deleted from the API
	started  time.Time
	records  map[string]record
	finished bool
	verdict  *verdict
	stopping bool
	killAt   time.Time // when containers are killed, once stopping

	kill    context.CancelFunc // ends execute
	changed chan struct{}      // the status may be another
	refresh *bell              // a Secret, a ConfigMap or the pod's metadata may be another
	done    chan struct{}      // the worker has ended
}

func newWorker(a *Agent, pod *corev1.Pod) *worker {
	w := &worker{
		agent:   a,
		place:   a.placeOf(pod),
		pod:     pod,
		started: time.Now(),
		records: map[string]record{},
		changed: make(chan struct{}, 1),
		refresh: newBell(),
		done:    make(chan struct{}),
	}
	if pod.Status.StartTime != nil {
		w.started = pod.Status.StartTime.Time
	}
	for _, container := range pod.Spec.InitContainers {
		w.records[container.Name] = awaiting("ContainerCreating")
	}
	for _, container := range pod.Spec.Containers {
		reason := "ContainerCreating"
		if len(pod.Spec.InitContainers) > 0 {
			reason = "PodInitializing"
		}
		w.records[container.Name] = awaiting(reason)
	}
	for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		w.records[status.Name] = inherited(status, w.started)
	}
	return w
}

func awaiting(reason string) record {
	return record{state: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

// inherited is what is left of a container that an earlier agent ran: it died with that agent.
func inherited(status corev1.ContainerStatus, podStart time.Time) record {
	r := record{state: status.State, last: status.LastTerminationState, restarts: status.RestartCount, id: status.ContainerID}
	if running := status.State.Running; running != nil {
		r.state = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "the container died with the node agent that ran it",
			StartedAt: running.StartedAt, FinishedAt: metav1.Now(), ContainerID: status.ContainerID,
		}}
	}
	if r.state == (corev1.ContainerState{}) {
		r.state = awaiting("ContainerCreating").state
	}
	return r
}

func allContainers(pod *corev1.Pod) []corev1.Container {
	return append(append([]corev1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...)
}

// run is the worker's life.
func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	executing, kill := context.WithCancel(ctx)
	defer kill()
	w.mu.Lock()
	w.kill = kill
	if w.stopping {
		kill()
	}
	w.mu.Unlock()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.execute(executing)
	}()
	w.report(ctx, ended)
	if err := os.RemoveAll(w.place.root); err != nil {
		klog.ErrorS(err, "Cannot remove the pod's folder", "pod", klog.KObj(w.pod))
	}
}

// update takes over what the API says of the pod now.
func (w *worker) update(pod *corev1.Pod) {
	w.mu.Lock()
	before := w.pod
	w.pod = pod
	w.mu.Unlock()
	if pod.DeletionTimestamp != nil {
		grace := time.Duration(0)
		if pod.DeletionGracePeriodSeconds != nil {
			grace = time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
		}
		w.stop(grace, nil)
		poke(w.changed)
		return
	}
	if !maps.Equal(before.Labels, pod.Labels) || !maps.Equal(before.Annotations, pod.Annotations) {
		w.refresh.ring() // the downward API may show them
	}
}

// deleted is told when the pod has left the API: by our own final delete, or by force.
func (w *worker) deleted() {
	w.mu.Lock()
	w.gone = true
	w.mu.Unlock()
	w.stop(0, nil)
	poke(w.changed)
}

// stop ends the containers within the grace period, which a later call can shorten but not extend.
func (w *worker) stop(grace time.Duration, because *verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := time.Now().Add(grace)
	if !w.stopping || at.Before(w.killAt) {
		w.killAt = at
	}
	if w.verdict == nil && !w.stopping {
		w.verdict = because
	}
	w.stopping = true
	if w.kill != nil {
		w.kill()
	}
}

func (w *worker) deadline() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopping { // the agent itself is being stopped
		w.stopping, w.killAt = true, time.Now().Add(shutdownGrace)
	}
	return w.killAt
}

func (w *worker) spec() *corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

func (w *worker) record(name string) record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.records[name]
}

// set changes a container's record and has it reported.
func (w *worker) set(name string, change func(r *record)) {
	w.mu.Lock()
	r := w.records[name]
	change(&r)
	w.records[name] = r
	w.mu.Unlock()
	poke(w.changed)
}

// snapshot copies what the status is computed from.
func (w *worker) snapshot() (snapshot, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return snapshot{
		pod: w.pod, started: w.started, records: maps.Clone(w.records),
		finished: w.finished, verdict: w.verdict, now: time.Now(),
	}, w.gone
}

// poke leaves a note for whoever listens; one note is as good as many.
func poke(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// bell wakes everybody who waits for the same thing.
type bell struct {
	mu      sync.Mutex
	channel chan struct{}
}

func newBell() *bell { return &bell{channel: make(chan struct{})} }

// next is closed with the next ring. To miss none, take it before looking at what the bell is about.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.channel
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.channel)
	b.channel = make(chan struct{})
}
