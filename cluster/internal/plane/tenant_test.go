package plane

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tenant is a namespace of a test's own.
type tenant struct {
	*running
	t         *testing.T
	namespace string
}

// newTenant makes a namespace that pods can be created in. The tests that have one run side by side.
func newTenant(t *testing.T) *tenant {
	t.Helper()
	r := sharedPlane(t)
	t.Parallel()
	made, err := r.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		if _, err := r.client.CoreV1().ServiceAccounts(made.Name).Get(t.Context(), "default", metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		return ""
	})
	return &tenant{r, t, made.Name}
}

// shell is a pod spec that runs a script once.
func shell(script string) corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Containers:    []corev1.Container{{Name: "main", Image: "shell", Args: []string{"-c", script}}},
	}
}

func (n *tenant) create(name string, spec corev1.PodSpec) {
	n.t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": "data"}}, Spec: spec}
	if _, err := n.client.CoreV1().Pods(n.namespace).Create(n.t.Context(), pod, metav1.CreateOptions{}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *tenant) secret(name string, data map[string]string) {
	n.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
	secrets := n.client.CoreV1().Secrets(n.namespace)
	_, err := secrets.Create(n.t.Context(), secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = secrets.Update(n.t.Context(), secret, metav1.UpdateOptions{})
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *tenant) pod(name string) *corev1.Pod {
	n.t.Helper()
	pod, err := n.client.CoreV1().Pods(n.namespace).Get(n.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	return pod
}

// until waits for the first of these phases.
func (n *tenant) until(name string, phases ...corev1.PodPhase) *corev1.Pod {
	n.t.Helper()
	var pod *corev1.Pod
	eventually(n.t, func() string {
		pod = n.pod(name)
		for _, each := range phases {
			if pod.Status.Phase == each {
				return ""
			}
		}
		return fmt.Sprintf("pod %s %v; its status is %+v", name, phases, pod.Status)
	})
	return pod
}

// ended waits for a pod's end and returns its first container's.
func (n *tenant) ended(name string, phase corev1.PodPhase) *corev1.ContainerStateTerminated {
	n.t.Helper()
	pod := n.until(name, corev1.PodSucceeded, corev1.PodFailed)
	state := pod.Status.ContainerStatuses[0].State.Terminated
	if pod.Status.Phase != phase || state == nil {
		n.t.Fatalf("pod %s ended as %s, want %s; its log:\n%s", name, pod.Status.Phase, phase, n.log(name))
	}
	return state
}

// log is what "kubectl logs" prints.
func (n *tenant) log(pod string, options ...string) string {
	n.t.Helper()
	stdout, stderr, code := n.kubectl(n.t, append([]string{"-n", n.namespace, "logs", pod}, options...)...)
	if code != 0 {
		n.t.Fatalf("kubectl logs %s %v: exit code %d, %s", pod, options, code, stderr)
	}
	return stdout
}

// event waits for an event about a pod, and returns its message.
func (n *tenant) event(pod, reason string) string {
	n.t.Helper()
	var message string
	eventually(n.t, func() string {
		selector := metav1.ListOptions{FieldSelector: "involvedObject.name=" + pod}
		events, err := n.client.CoreV1().Events(n.namespace).List(n.t.Context(), selector)
		if err != nil {
			return err.Error()
		}
		seen := []string{}
		for _, each := range events.Items {
			if message = each.Message; each.Reason == reason {
				return ""
			}
			seen = append(seen, each.Reason)
		}
		return fmt.Sprintf("an event %s about %s; there are %v", reason, pod, seen)
	})
	return message
}
