package node

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	// settle is how long to wait for more changes before one is reported: a start and an end within it are one write.
	settle        = 20 * time.Millisecond
	firstRetry    = 200 * time.Millisecond
	maxRetry      = 10 * time.Second
	shutdownGrace = 3 * time.Second
)

// report writes the pod's status whenever it has changed, and after the last one removes the pod if it is being
// deleted. It returns when there is nothing more to do for this pod; the containers have ended then.
func (w *worker) report(ctx context.Context, ended <-chan struct{}) {
	var reported *corev1.PodStatus
	retry := firstRetry
	for {
		select {
		case <-ctx.Done():
			<-ended
			return
		case <-w.changed:
		}
		pause(ctx, settle, nil)
		s, gone := w.snapshot()
		if gone {
			<-ended
			return
		}
		if reported != nil {
			s.pod = s.pod.DeepCopy()
			s.pod.Status = *reported
		}
		status := podStatus(s)
		err := error(nil)
		if reported == nil || !apiequality.Semantic.DeepEqual(*reported, status) {
			err = patchStatus(ctx, w.agent.client, s.pod, &status)
		}
		if err == nil {
			reported = &status
			if !s.finished {
				continue
			}
			if w.spec().DeletionTimestamp == nil {
				return // whoever deletes it later needs nobody's consent
			}
			if err = finalDelete(ctx, w.agent.client, s.pod); err == nil {
				return
			}
		}
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // deleted by force, or another pod of that name
			w.deleted()
			continue
		}
		klog.ErrorS(err, "Cannot report a pod's status; trying again", "pod", klog.KObj(s.pod))
		pause(ctx, retry, nil)
		retry = min(2*retry, maxRetry)
		poke(w.changed)
	}
}

// patchStatus writes the status as a strategic merge, which leaves conditions of other types to their owners, and
// only to the very pod that it is about.
func patchStatus(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, status *corev1.PodStatus) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status":   status,
	})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// finalDelete takes a pod out of the API after its containers have ended. One that is gone already is no error.
func finalDelete(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) error {
	now := int64(0)
	err := client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      &metav1.Preconditions{UID: &pod.UID},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
