package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// bindPods is the scheduler: it binds pods that wait for a node to this one, the oldest first, while there is room.
func (a *Agent) bindPods(ctx context.Context) {
	bound := map[types.UID]time.Time{} // by us, and perhaps not yet seen as such
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.unbound:
		}
		if err := a.bindRound(ctx, bound); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "Cannot bind pods; trying again")
			time.AfterFunc(time.Second, func() { poke(a.unbound) })
		}
	}
}

func (a *Agent) bindRound(ctx context.Context, bound map[types.UID]time.Time) error {
	pods, err := a.pods.List(labels.Everything())
	if err != nil {
		return err
	}
	known := map[types.UID]bool{}
	var waiting []*corev1.Pod
	active := 0
	for _, pod := range pods {
		known[pod.UID] = true
		_, ours := bound[pod.UID]
		switch {
		case pod.Spec.NodeName == a.name:
			delete(bound, pod.UID)
			if !terminal(pod) {
				active++
			}
		case pod.Spec.NodeName != "" || terminal(pod):
		case ours:
			active++
		case pod.DeletionTimestamp == nil && len(pod.Spec.SchedulingGates) == 0:
			waiting = append(waiting, pod)
		}
	}
	for uid := range bound {
		if !known[uid] {
			delete(bound, uid)
		}
	}
	slices.SortFunc(waiting, func(x, y *corev1.Pod) int {
		return x.CreationTimestamp.Compare(y.CreationTimestamp.Time)
	})
	for _, pod := range waiting {
		obstacle, err := a.misfit(pod)
		switch {
		case err != nil:
			obstacle = err.Error()
		case obstacle == "" && active >= a.maxPods:
			obstacle = fmt.Sprintf("%d pods run here, which is the limit; this one waits for its turn (localplane up --max-pods)", active)
		}
		if obstacle != "" {
			err = a.unschedulable(ctx, pod, obstacle)
		} else if err = a.bind(ctx, pod); err == nil {
			a.events.Eventf(pod, corev1.EventTypeNormal, "Scheduled", "Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, a.name)
			bound[pod.UID] = time.Now()
			active++
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

// misfit says why a pod does not want this node.
func (a *Agent) misfit(pod *corev1.Pod) (string, error) {
	fits, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(a.node())
	if err != nil || fits {
		return "", err
	}
	return fmt.Sprintf("0/1 nodes are available: %s does not match the pod's node selector or affinity; its labels are %v",
		a.name, a.node().Labels), nil
}

func (a *Agent) bind(ctx context.Context, pod *corev1.Pod) error {
	return a.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: a.name},
	}, metav1.CreateOptions{})
}

// unschedulable says in the pod's status and in an event why it waits, once.
func (a *Agent) unschedulable(ctx context.Context, pod *corev1.Pod, message string) error {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonUnschedulable {
			return nil
		}
	}
	err := patchStatus(ctx, a.client, pod, &corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, ObservedGeneration: pod.Generation,
		Reason: corev1.PodReasonUnschedulable, Message: message, LastTransitionTime: metav1.Now(),
	}}})
	if err == nil {
		a.events.Event(pod, corev1.EventTypeWarning, "FailedScheduling", message)
	}
	return err
}
