package node

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// News of a pod may come after its end: the changes of before are still on their way then. They must not start it again.
func TestLateNewsDoNotRunAPodAgain(t *testing.T) {
	agent, _ := nodeWith(t)
	agent.name, agent.workers = DefaultName, map[types.UID]*worker{}
	agent.sources, agent.unbound = &apiSources{}, make(chan struct{}, 1)
	pod := samplePod(corev1.Container{Name: "main"})
	pod.Status.Phase = corev1.PodRunning

	agent.workers[pod.UID] = newWorker(agent, pod)
	agent.workerEnded(t.Context(), pod)
	agent.podChanged(t.Context(), pod)

	if w, known := agent.workers[pod.UID]; w != nil || !known {
		t.Errorf("worker %v, known %v; want none for a pod that is known", w, known)
	}
	agent.podDeleted(pod)
	if len(agent.workers) != 0 {
		t.Error("a pod that is gone is remembered")
	}
}

func TestAWorkerThatEndsAfterItsPodIsForgotten(t *testing.T) {
	agent, _ := nodeWith(t)
	agent.name, agent.workers = DefaultName, map[types.UID]*worker{}
	agent.sources, agent.unbound = &apiSources{}, make(chan struct{}, 1)
	pod := samplePod(corev1.Container{Name: "main"})
	agent.workers[pod.UID] = newWorker(agent, pod)

	agent.podDeleted(pod)
	agent.workerEnded(t.Context(), pod)

	if len(agent.workers) != 0 {
		t.Error("a pod that is gone is remembered")
	}
}

func TestGraceCanBeShortenedButNotExtended(t *testing.T) {
	w := newWorker(&Agent{}, samplePod())
	w.stop(time.Minute, nil)
	w.stop(time.Hour, nil)
	if left := time.Until(w.deadline()); left > time.Minute {
		t.Errorf("%s left after a minute was given", left)
	}
	w.stop(0, nil)
	if left := time.Until(w.deadline()); left > 0 {
		t.Errorf("%s left after the pod was deleted by force", left)
	}
}

func TestTheFirstReasonToStopIsTheVerdict(t *testing.T) {
	w := newWorker(&Agent{}, samplePod())
	w.stop(time.Minute, &verdict{reason: "DeadlineExceeded"})
	w.stop(0, &verdict{reason: "Other"})
	if w.verdict.reason != "DeadlineExceeded" {
		t.Errorf("got %s", w.verdict.reason)
	}

	w = newWorker(&Agent{}, samplePod())
	w.stop(time.Minute, nil) // deleted
	w.stop(time.Minute, &verdict{reason: "DeadlineExceeded"})
	if w.verdict != nil {
		t.Errorf("a pod that is being deleted failed with %s", w.verdict.reason)
	}
}

func TestABellWakesEverybodyOnce(t *testing.T) {
	b := newBell()
	first, second := b.next(), b.next()
	b.ring()
	for _, each := range []<-chan struct{}{first, second} {
		select {
		case <-each:
		default:
			t.Error("somebody was not woken")
		}
	}
	select {
	case <-b.next():
		t.Error("woken by a ring of before")
	default:
	}
}
