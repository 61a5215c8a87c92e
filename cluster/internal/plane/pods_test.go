package plane

import (
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAPodRunsToItsEnd(t *testing.T) {
	n := newTenant(t)
	spec := shell(`echo "to standard output"; echo "to standard error" >&2; printf done >"$1"`)
	spec.Containers[0].Args = append(spec.Containers[0].Args, "sh", "/dev/termination-log")
	n.create("once", spec)

	end := n.ended("once", corev1.PodSucceeded)

	if end.ExitCode != 0 || end.Reason != "Completed" || end.Message != "done" {
		t.Errorf("got %+v", end)
	}
	if got := n.log("once"); !strings.Contains(got, "to standard output\n") || !strings.Contains(got, "to standard error\n") {
		t.Errorf("log: %q", got)
	}
	pod := n.pod("once")
	if pod.Spec.NodeName == "" || pod.Status.PodIP == "" || pod.Status.StartTime == nil {
		t.Errorf("got %+v", pod.Status)
	}
	n.event("once", "Scheduled")
	n.event("once", "Started")
}

func TestAPodFailsWithItsExitCodeAndTheEndOfItsLog(t *testing.T) {
	n := newTenant(t)
	spec := shell("echo the cause >&2; exit 3")
	spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	n.create("bad", spec)

	end := n.ended("bad", corev1.PodFailed)

	if end.ExitCode != 3 || end.Reason != "Error" || end.Message != "the cause\n" {
		t.Errorf("got %+v", end)
	}
	if got := n.pod("bad").Status.ContainerStatuses[0].RestartCount; got != 0 {
		t.Errorf("restartPolicy Never, and %d restarts", got)
	}
}

func TestAFailedContainerRunsAgainWhenItsPodWantsIt(t *testing.T) {
	n := newTenant(t)
	spec := shell(`test -e "$DATA/seen" && echo second && exit 0; touch "$DATA/seen"; echo first; exit 4`)
	spec.RestartPolicy = corev1.RestartPolicyOnFailure
	spec.Containers[0].Env = []corev1.EnvVar{{Name: "DATA", Value: "/data"}}
	spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	n.create("again", spec)

	n.ended("again", corev1.PodSucceeded)

	status := n.pod("again").Status.ContainerStatuses[0]
	if last := status.LastTerminationState.Terminated; status.RestartCount != 1 || last == nil || last.ExitCode != 4 {
		t.Errorf("got %+v", status)
	}
	if got := n.log("again") + n.log("again", "--previous"); got != "second\nfirst\n" {
		t.Errorf("logs of both runs: %q", got)
	}
	n.event("again", "BackOff")
}

func TestInitContainersRunFirst(t *testing.T) {
	n := newTenant(t)
	mounts := []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	spec := shell(`cat "$0"`)
	spec.Containers[0].Args = append(spec.Containers[0].Args, "/data/file")
	spec.Containers[0].VolumeMounts = mounts
	spec.InitContainers = []corev1.Container{{
		Name: "prepare", Image: "shell", Args: []string{"-c", `sleep 0.3; echo prepared >"$0"`, "/data/file"}, VolumeMounts: mounts,
	}}
	spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	n.create("ordered", spec)

	n.ended("ordered", corev1.PodSucceeded)

	if got := n.log("ordered"); got != "prepared\n" {
		t.Errorf("got %q", got)
	}
}

func TestADeletedPodIsAskedAndThenKilled(t *testing.T) {
	n := newTenant(t)
	spec := shell(`trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done`)
	spec.TerminationGracePeriodSeconds = new(int64(2))
	n.create("stubborn", spec)
	pod := n.until("stubborn", corev1.PodRunning)
	eventually(t, func() string {
		if n.log("stubborn") != "up\n" {
			return "the container's first words"
		}
		return ""
	})

	begun := time.Now()
	if err := n.client.CoreV1().Pods(n.namespace).Delete(t.Context(), "stubborn", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		_, err := n.client.CoreV1().Pods(n.namespace).Get(t.Context(), "stubborn", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return "the pod to be gone"
		}
		return ""
	})

	if took := time.Since(begun); took < 2*time.Second {
		t.Errorf("gone after %s, before its grace period was over", took)
	}
	log := n.at("logs", "pods", n.namespace+"_stubborn_"+string(pod.UID), "main", "0.log")
	if data, err := os.ReadFile(log); err != nil || !strings.Contains(string(data), "asked") {
		t.Errorf("it was not asked to end: %q, %v", data, err)
	}
	n.event("stubborn", "Killing")
}

func TestAPodThatListensIsGoneAtOnce(t *testing.T) {
	n := newTenant(t)
	n.create("polite", shell("trap 'exit 0' TERM; while :; do sleep 0.1; done"))
	n.until("polite", corev1.PodRunning)
	begun := time.Now()
	if _, stderr, code := n.kubectl(t, "-n", n.namespace, "delete", "pod", "polite"); code != 0 {
		t.Fatal(stderr)
	}
	if took := time.Since(begun); took > 25*time.Second {
		t.Errorf("gone after %s: killed, not asked", took)
	}
}

func TestAPodThatIsLateFails(t *testing.T) {
	n := newTenant(t)
	spec := shell("sleep 60")
	spec.ActiveDeadlineSeconds = new(int64(1))
	n.create("late", spec)

	end := n.ended("late", corev1.PodFailed)

	if got := n.pod("late").Status; got.Reason != "DeadlineExceeded" || end.ExitCode != 143 {
		t.Errorf("got %s: %s, exit code %d", got.Reason, got.Message, end.ExitCode)
	}
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	n := newTenant(t)
	unknown := shell("exit 0")
	unknown.Containers[0].Image = "nginx:1"
	n.create("unknown", unknown)
	elsewhere := shell("exit 0")
	elsewhere.NodeSelector = map[string]string{"disk": "fast"}
	n.create("elsewhere", elsewhere)
	unsupported := shell("exit 0")
	unsupported.Volumes = []corev1.Volume{{
		Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc"}},
	}}
	n.create("unsupported", unsupported)

	if got := n.event("unknown", "Failed"); !strings.Contains(got, "--image nginx:1=EXECUTABLE") {
		t.Errorf("an unknown image: %s", got)
	}
	if got := n.event("elsewhere", "FailedScheduling"); !strings.Contains(got, "does not match the pod's node selector") {
		t.Errorf("another node: %s", got)
	}
	if got := n.event("unsupported", "Unsupported"); !strings.Contains(got, `volume "host"`) {
		t.Errorf("a volume that there is not: %s", got)
	}
	shown, _, _ := n.kubectl(t, "-n", n.namespace, "get", "pods", "--no-headers")
	for _, want := range []string{"ErrImageNeverPull", "Pending", "Unsupported"} {
		if !strings.Contains(shown, want) {
			t.Errorf("kubectl get pods does not show %s:\n%s", want, shown)
		}
	}
}
