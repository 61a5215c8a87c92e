package node

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func runs() record {
	return record{id: "x", state: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func ended(code int32) record {
	return record{id: "x", state: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}}
}

func crashed() record {
	return record{id: "x", last: ended(1).state, state: awaiting("CrashLoopBackOff").state, restarts: 1}
}

// podOf is a pod with init containers i0, i1, … and containers c0, c1, …, and what is known of them.
func podOf(inits, containers []record) snapshot {
	s := snapshot{pod: samplePod(), records: map[string]record{}, now: time.Unix(1000, 0), started: time.Unix(900, 0)}
	for i, each := range inits {
		name := "i" + string(rune('0'+i))
		s.pod.Spec.InitContainers = append(s.pod.Spec.InitContainers, corev1.Container{Name: name, Image: "app:1"})
		s.records[name] = each
	}
	for i, each := range containers {
		name := "c" + string(rune('0'+i))
		s.pod.Spec.Containers = append(s.pod.Spec.Containers, corev1.Container{Name: name, Image: "app:1"})
		s.records[name] = each
	}
	return s
}

func TestPhase(t *testing.T) {
	creating := awaiting("ContainerCreating")
	for name, each := range map[string]struct {
		inits, containers []record
		finished          bool
		verdict           *verdict
		want              corev1.PodPhase
	}{
		"nothing has begun":              {nil, []record{creating}, false, nil, corev1.PodPending},
		"one of two has begun":           {nil, []record{runs(), creating}, false, nil, corev1.PodPending},
		"both run":                       {nil, []record{runs(), runs()}, false, nil, corev1.PodRunning},
		"one has ended, one runs":        {nil, []record{ended(0), runs()}, false, nil, corev1.PodRunning},
		"one waits to run again":         {nil, []record{crashed()}, false, nil, corev1.PodRunning},
		"ended, but may run again":       {nil, []record{ended(0)}, false, nil, corev1.PodRunning},
		"all have succeeded":             {nil, []record{ended(0), ended(0)}, true, nil, corev1.PodSucceeded},
		"one has failed":                 {nil, []record{ended(0), ended(3)}, true, nil, corev1.PodFailed},
		"stopped before the start":       {nil, []record{creating}, true, nil, corev1.PodFailed},
		"an init container runs":         {[]record{runs()}, []record{creating}, false, nil, corev1.PodPending},
		"an init container has failed":   {[]record{ended(1)}, []record{creating}, true, nil, corev1.PodFailed},
		"an init container is done":      {[]record{ended(0)}, []record{runs()}, false, nil, corev1.PodRunning},
		"too late, containers still end": {nil, []record{runs()}, false, &verdict{"DeadlineExceeded", ""}, corev1.PodRunning},
		"too late, whatever the code":    {nil, []record{ended(0)}, true, &verdict{"DeadlineExceeded", ""}, corev1.PodFailed},
	} {
		t.Run(name, func(t *testing.T) {
			s := podOf(each.inits, each.containers)
			s.finished, s.verdict = each.finished, each.verdict
			if got := podStatus(s).Phase; got != each.want {
				t.Errorf("got %s, want %s", got, each.want)
			}
		})
	}
}

func TestRestarts(t *testing.T) {
	for _, each := range []struct {
		policy corev1.RestartPolicy
		isInit bool
		code   int32
		again  bool
	}{
		{corev1.RestartPolicyNever, false, 0, false}, {corev1.RestartPolicyNever, false, 1, false},
		{corev1.RestartPolicyNever, true, 1, false},
		{corev1.RestartPolicyOnFailure, false, 0, false}, {corev1.RestartPolicyOnFailure, false, 1, true},
		{corev1.RestartPolicyOnFailure, true, 0, false}, {corev1.RestartPolicyOnFailure, true, 1, true},
		{corev1.RestartPolicyAlways, false, 0, true}, {corev1.RestartPolicyAlways, false, 1, true},
		{corev1.RestartPolicyAlways, true, 0, false}, {corev1.RestartPolicyAlways, true, 1, true},
	} {
		if got := restarts(each.policy, each.isInit, each.code); got != each.again {
			t.Errorf("%+v: got %v", each, got)
		}
	}
}

func TestConditions(t *testing.T) {
	of := func(status corev1.PodStatus, kind corev1.PodConditionType) corev1.PodCondition {
		for _, each := range status.Conditions {
			if each.Type == kind {
				return each
			}
		}
		t.Fatalf("no condition %s", kind)
		return corev1.PodCondition{}
	}
	ready := podStatus(podOf(nil, []record{runs()}))
	if got := of(ready, corev1.PodReady); got.Status != corev1.ConditionTrue {
		t.Errorf("a running pod: %+v", got)
	}
	half := podStatus(podOf(nil, []record{runs(), crashed()}))
	if got := of(half, corev1.PodReady); got.Status != corev1.ConditionFalse || got.Message != "containers with unready status: [c1]" {
		t.Errorf("a pod with a crashed container: %+v", got)
	}
	waits := podStatus(podOf([]record{runs()}, []record{awaiting("PodInitializing")}))
	if got := of(waits, corev1.PodInitialized); got.Status != corev1.ConditionFalse {
		t.Errorf("a pod whose init container runs: %+v", got)
	}
	s := podOf(nil, []record{ended(0)})
	s.finished = true
	if got := of(podStatus(s), corev1.PodReady); got.Status != corev1.ConditionFalse || got.Reason != "PodCompleted" {
		t.Errorf("a pod that has succeeded: %+v", got)
	}
}

func TestAConditionKeepsTheTimeOfItsLastChange(t *testing.T) {
	s := podOf(nil, []record{runs()})
	earlier := metav1.NewTime(time.Unix(950, 0))
	s.pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: earlier},
		{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: earlier},
	}
	for _, each := range podStatus(s).Conditions {
		want := s.now
		if each.Type == corev1.PodInitialized {
			want = earlier.Time
		}
		if !each.LastTransitionTime.Time.Equal(want) {
			t.Errorf("%s: got %s, want %s", each.Type, each.LastTransitionTime, want)
		}
	}
}

func TestContainerStatuses(t *testing.T) {
	status := podStatus(podOf([]record{ended(0)}, []record{runs(), crashed()}))
	if init := status.InitContainerStatuses[0]; !init.Ready || *init.Started {
		t.Errorf("an init container that is done: %+v", init)
	}
	if one := status.ContainerStatuses[0]; !one.Ready || !*one.Started || one.ImageID != "localplane://app:1" {
		t.Errorf("one that runs: %+v", one)
	}
	two := status.ContainerStatuses[1]
	if two.Ready || two.RestartCount != 1 || two.State.Waiting.Reason != "CrashLoopBackOff" || two.LastTerminationState.Terminated == nil {
		t.Errorf("one that waits to run again: %+v", two)
	}
}

// What "kubectl get pods" shows of a pod that has ended must not be that it is being created.
func TestNoContainerOfAnEndedPodWaits(t *testing.T) {
	s := podOf(nil, []record{awaiting("ContainerCreating")})
	s.finished = true
	state := podStatus(s).ContainerStatuses[0].State
	if state.Waiting != nil || state.Terminated == nil || state.Terminated.ExitCode != 137 {
		t.Errorf("got %+v", state)
	}

	s = podOf([]record{ended(1)}, []record{awaiting("PodInitializing")})
	s.finished = true
	if state := podStatus(s).ContainerStatuses[0].State; state.Waiting == nil {
		t.Errorf("one that its init container kept from starting: %+v", state)
	}
}

func TestAVerdictIsTheStatussReason(t *testing.T) {
	s := podOf(nil, nil)
	s.finished, s.verdict = true, &verdict{"Unsupported", "volume \"v\""}
	if got := podStatus(s); got.Phase != corev1.PodFailed || got.Reason != "Unsupported" || got.Message != "volume \"v\"" {
		t.Errorf("got %+v", got)
	}
}

func TestWhatAnEarlierAgentRanHasDied(t *testing.T) {
	pod := samplePod(corev1.Container{Name: "c0"}, corev1.Container{Name: "c1"}, corev1.Container{Name: "c2"})
	pod.Status.StartTime = &metav1.Time{Time: time.Unix(500, 0)}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "c0", State: runs().state, RestartCount: 2}, {Name: "c1", State: ended(0).state}, {Name: "c2"},
	}
	w := newWorker(&Agent{}, pod)
	if code, hasEnded := w.record("c0").exitCode(); !hasEnded || code != 137 || w.record("c0").restarts != 2 {
		t.Errorf("one that ran: %+v", w.record("c0"))
	}
	if !w.record("c1").succeeded() {
		t.Errorf("one that had ended: %+v", w.record("c1"))
	}
	if w.record("c2").state.Waiting == nil {
		t.Errorf("one that had not begun: %+v", w.record("c2"))
	}
	if !w.started.Equal(time.Unix(500, 0)) {
		t.Errorf("the pod began again at %s", w.started)
	}
}
