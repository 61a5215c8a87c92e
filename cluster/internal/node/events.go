package node

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	eventrecord "k8s.io/client-go/tools/record"
)

// newRecorder records events about pods, which is where "kubectl describe" shows why a pod does not run. Their reasons
// are those of a kubelet and a scheduler, so that what people know of them, or find about them, is true here.
func newRecorder(ctx context.Context, client kubernetes.Interface, node string) eventrecord.EventRecorder {
	broadcaster := eventrecord.NewBroadcaster(eventrecord.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "localplane", Host: node})
}

func (w *worker) note(reason, format string, args ...any) {
	w.agent.events.Eventf(w.spec(), corev1.EventTypeNormal, reason, format, args...)
}

func (w *worker) warn(reason, format string, args ...any) {
	w.agent.events.Eventf(w.spec(), corev1.EventTypeWarning, reason, format, args...)
}
