package node

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// verdict is why a pod as a whole has failed, whatever its containers did.
type verdict struct{ reason, message string }

// snapshot is what the node knows of a pod at one moment.
type snapshot struct {
	pod      *corev1.Pod
	started  time.Time
	records  map[string]record // by container name
	finished bool              // no container will run again
	verdict  *verdict
	now      time.Time
}

// record is the state of one container.
type record struct {
	state    corev1.ContainerState
	last     corev1.ContainerState
	restarts int32
	id       string
}

func (r record) exitCode() (int32, bool) {
	if r.state.Terminated == nil {
		return 0, false
	}
	return r.state.Terminated.ExitCode, true
}

func (r record) succeeded() bool {
	code, ended := r.exitCode()
	return ended && code == 0
}

// podStatus computes the status to report. It keeps from the pod's present status only what others write there.
func podStatus(s snapshot) corev1.PodStatus {
	status := corev1.PodStatus{
		ObservedGeneration: s.pod.Generation,
		HostIP:             loopbackIP,
		HostIPs:            []corev1.HostIP{{IP: loopbackIP}},
		PodIP:              loopbackIP,
		PodIPs:             []corev1.PodIP{{IP: loopbackIP}},
		StartTime:          &metav1.Time{Time: s.started},
		QOSClass:           s.pod.Status.QOSClass,
		Phase:              phase(s),
	}
	if s.verdict != nil {
		status.Reason, status.Message = s.verdict.reason, s.verdict.message
	}
	status.InitContainerStatuses = containerStatuses(s, s.pod.Spec.InitContainers, true)
	status.ContainerStatuses = containerStatuses(s, s.pod.Spec.Containers, false)
	status.Conditions = conditions(s, status.Phase)
	return status
}

// phase sums the containers up, as Kubernetes defines it.
func phase(s snapshot) corev1.PodPhase {
	if s.verdict != nil && s.finished {
		return corev1.PodFailed
	}
	if !initialized(s) {
		if s.finished {
			return corev1.PodFailed
		}
		return corev1.PodPending
	}
	begun, succeeded := 0, 0
	for _, container := range s.pod.Spec.Containers {
		each := s.records[container.Name]
		if each.state.Waiting == nil || each.last.Terminated != nil {
			begun++
		}
		if each.succeeded() {
			succeeded++
		}
	}
	switch {
	case s.finished && succeeded == len(s.pod.Spec.Containers):
		return corev1.PodSucceeded
	case s.finished:
		return corev1.PodFailed
	case begun == len(s.pod.Spec.Containers):
		return corev1.PodRunning
	}
	return corev1.PodPending
}

func initialized(s snapshot) bool {
	for _, container := range s.pod.Spec.InitContainers {
		if !s.records[container.Name].succeeded() {
			return false
		}
	}
	return true
}

func containerStatuses(s snapshot, containers []corev1.Container, isInit bool) []corev1.ContainerStatus {
	var all []corev1.ContainerStatus
	for _, container := range containers {
		each, known := s.records[container.Name]
		if !known {
			continue
		}
		running := each.state.Running != nil
		status := corev1.ContainerStatus{
			Name:                 container.Name,
			State:                stateOf(each, s, isInit),
			LastTerminationState: each.last,
			RestartCount:         each.restarts,
			Image:                container.Image,
			ContainerID:          each.id,
			Started:              &running,
			Ready:                running,
		}
		if isInit {
			status.Ready = each.succeeded() // ready means done
		}
		if each.id != "" {
			status.ImageID = "localplane://" + container.Image
		}
		all = append(all, status)
	}
	return all
}

// stateOf is the state to report: like a kubelet, a pod that has ended with its init containers done leaves no container
// waiting.
func stateOf(r record, s snapshot, isInit bool) corev1.ContainerState {
	if r.state.Waiting == nil || isInit || !s.finished || !initialized(s) {
		return r.state
	}
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "the pod ended while the container waited: " + r.state.Waiting.Reason,
	}}
}

// conditions computes the conditions that a node owns; those of others are left to the patch, which merges by type.
func conditions(s snapshot, phase corev1.PodPhase) []corev1.PodCondition {
	ready, reason, message := corev1.ConditionTrue, "", ""
	switch phase {
	case corev1.PodSucceeded:
		ready, reason = corev1.ConditionFalse, "PodCompleted"
	case corev1.PodFailed:
		ready, reason = corev1.ConditionFalse, "PodFailed"
	default:
		for _, container := range s.pod.Spec.Containers {
			if s.records[container.Name].state.Running == nil {
				ready, reason = corev1.ConditionFalse, "ContainersNotReady"
				message = "containers with unready status: [" + container.Name + "]"
			}
		}
	}
	initialReason := ""
	initial := corev1.ConditionTrue
	switch {
	case !initialized(s):
		initial, initialReason = corev1.ConditionFalse, "ContainersNotInitialized"
	case phase == corev1.PodSucceeded:
		initialReason = "PodCompleted"
	}
	all := []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.PodInitialized, Status: initial, Reason: initialReason},
		{Type: corev1.ContainersReady, Status: ready, Reason: reason, Message: message},
		{Type: corev1.PodReady, Status: ready, Reason: reason, Message: message},
	}
	for i := range all {
		all[i].ObservedGeneration = s.pod.Generation
		all[i].LastTransitionTime = metav1.NewTime(s.now)
		for _, before := range s.pod.Status.Conditions {
			if before.Type == all[i].Type && before.Status == all[i].Status {
				all[i].LastTransitionTime = before.LastTransitionTime
			}
		}
	}
	return all
}

// restarts tells whether a container that has ended runs again.
func restarts(policy corev1.RestartPolicy, isInit bool, exitCode int32) bool {
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	}
	return !isInit || exitCode != 0 // an init container that succeeded is done, whatever the policy
}
