package plane

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func jobSpec(spec corev1.PodSpec) batchv1.JobSpec {
	return batchv1.JobSpec{BackoffLimit: new(int32(0)), Template: corev1.PodTemplateSpec{Spec: spec}}
}

func (n *tenant) job(name string, spec batchv1.JobSpec) {
	n.t.Helper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	if _, err := n.client.BatchV1().Jobs(n.namespace).Create(n.t.Context(), job, metav1.CreateOptions{}); err != nil {
		n.t.Fatal(err)
	}
}

// finished waits until a Job has this condition, and returns the condition's reason.
func (n *tenant) finished(name string, kind batchv1.JobConditionType) string {
	n.t.Helper()
	var reason string
	eventually(n.t, func() string {
		job, err := n.client.BatchV1().Jobs(n.namespace).Get(n.t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		for _, each := range job.Status.Conditions {
			if each.Type == kind && each.Status == corev1.ConditionTrue {
				reason = each.Reason
				return ""
			}
		}
		return fmt.Sprintf("Job %s %s; its status is %+v", name, kind, job.Status)
	})
	return reason
}

// runningPod waits for a Job's pod to be reported as running.
func (n *tenant) runningPod(job string) {
	n.t.Helper()
	eventually(n.t, func() string {
		pods, err := n.client.CoreV1().Pods(n.namespace).List(n.t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job})
		if err != nil {
			return err.Error()
		}
		if len(pods.Items) == 1 && pods.Items[0].Status.Phase == corev1.PodRunning {
			return ""
		}
		return fmt.Sprintf("a running pod of Job %s; there are %d pods", job, len(pods.Items))
	})
}

// A pod that is reported as running has a log that can be followed, from its first word to its last. The container goes
// on only when its first word was seen.
func TestAJobsLogCanBeFollowedFromWhenItRuns(t *testing.T) {
	n := newTenant(t)
	n.secret("signal", map[string]string{"go": "no"})
	spec := shell(`echo first; until grep -q yes "$0"; do sleep 0.1; done; echo second; echo last`)
	spec.Containers[0].Args = append(spec.Containers[0].Args, "/signal/go")
	spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "signal", MountPath: "/signal"}}
	spec.Volumes = []corev1.Volume{
		{Name: "signal", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "signal"}}},
	}
	n.job("talker", jobSpec(spec))
	n.runningPod("talker")

	follow := exec.CommandContext(t.Context(), n.at("bin", "kubectl"), "-n", n.namespace, "logs", "-f", "job/talker")
	follow.Env = append(os.Environ(), "KUBECONFIG="+n.at("kubeconfig"))
	var stderr strings.Builder
	follow.Stderr = &stderr
	stdout, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	first, _ := lines.ReadString('\n')
	n.secret("signal", map[string]string{"go": "yes"})
	rest, _ := io.ReadAll(lines)
	err = follow.Wait()
	if got := first + string(rest); err != nil || got != "first\nsecond\nlast\n" {
		t.Errorf("got %q, %v: %s", got, err, stderr.String())
	}

	n.finished("talker", batchv1.JobComplete)
	if got := n.log("job/talker", "--tail=2"); got != "second\nlast\n" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestALateJobFailsAndItsPodGoes(t *testing.T) {
	n := newTenant(t)
	spec := jobSpec(shell("trap 'exit 0' TERM; while :; do sleep 0.1; done"))
	spec.ActiveDeadlineSeconds = new(int64(1))
	n.job("late", spec)

	if reason := n.finished("late", batchv1.JobFailed); reason != batchv1.JobReasonDeadlineExceeded {
		t.Errorf("failed for %s", reason)
	}
	eventually(t, func() string {
		pods, err := n.client.CoreV1().Pods(n.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		if len(pods.Items) > 0 {
			return "the pod to be gone"
		}
		return ""
	})
}

func TestACronJobFires(t *testing.T) {
	n := newTenant(t)
	cronJob := &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Name: "often"},
		Spec: batchv1.CronJobSpec{
			Schedule: "@every 1s", ConcurrencyPolicy: batchv1.ForbidConcurrent,
			JobTemplate: batchv1.JobTemplateSpec{Spec: jobSpec(shell("echo fired"))},
		},
	}
	if _, err := n.client.BatchV1().CronJobs(n.namespace).Create(t.Context(), cronJob, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var fired string
	eventually(t, func() string {
		jobs, err := n.client.BatchV1().Jobs(n.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(jobs.Items) == 0 {
			return fmt.Sprintf("a Job of the CronJob (%v)", err)
		}
		fired = jobs.Items[0].Name
		return ""
	})
	n.finished(fired, batchv1.JobComplete)
	if got := n.log("job/" + fired); got != "fired\n" {
		t.Errorf("log: %q", got)
	}

	if _, stderr, code := n.kubectl(t, "-n", n.namespace, "create", "job", "by-hand", "--from=cronjob/often"); code != 0 {
		t.Fatal(stderr)
	}
	n.finished("by-hand", batchv1.JobComplete)
}

func TestManyJobsAllEnd(t *testing.T) {
	n := newTenant(t)
	spec := jobSpec(shell(`echo "$0"`))
	spec.Completions, spec.Parallelism = new(int32(30)), new(int32(30))
	n.job("many", spec)

	n.finished("many", batchv1.JobComplete)

	pods, _, _ := n.kubectl(t, "-n", n.namespace, "get", "pods", "--no-headers")
	if got := strings.Count(pods, "Completed"); got != 30 || strings.Count(pods, "\n") != 30 {
		t.Errorf("%d pods are completed:\n%s", got, pods)
	}
}
