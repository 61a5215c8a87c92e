package plane

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAPodSeesItsSecretsAndConfigMaps(t *testing.T) {
	n := newTenant(t)
	n.secret("login", map[string]string{"password": "s3cret"})
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"LEVEL": "debug"}}
	if _, err := n.client.CoreV1().ConfigMaps(n.namespace).Create(t.Context(), settings, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	login, local := corev1.LocalObjectReference{Name: "login"}, corev1.LocalObjectReference{Name: "settings"}
	spec := shell(`echo "$PASSWORD $LEVEL $POD $TEAM"; cat "$LOGIN/password" "$ALL/level" "$ALL/namespace"; wc -c <"$ALL/token"; ls "$ACCOUNT"`)
	container := &spec.Containers[0]
	container.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local}}}
	container.Env = []corev1.EnvVar{
		{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: login, Key: "password"},
		}},
		{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		{Name: "TEAM", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['team']"}}},
		{Name: "LOGIN", Value: "/etc/login"},
		{Name: "ALL", Value: "/etc/all"},
		{Name: "ACCOUNT", Value: "/var/run/secrets/kubernetes.io/serviceaccount"},
	}
	container.VolumeMounts = []corev1.VolumeMount{{Name: "login", MountPath: "/etc/login"}, {Name: "all", MountPath: "/etc/all"}}
	spec.Volumes = []corev1.Volume{
		{Name: "login", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "login"}}},
		{Name: "all", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: local, Items: []corev1.KeyToPath{{Key: "LEVEL", Path: "level"}},
			}},
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", Audience: "api"}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}},
			}}},
		}}}},
	}
	n.create("reader", spec)

	n.ended("reader", corev1.PodSucceeded)

	want := []string{"s3cret debug reader data", "s3cretdebug" + n.namespace}
	got := n.log("reader")
	for _, each := range want {
		if !strings.Contains(got, each) {
			t.Errorf("no %q in %q", each, got)
		}
	}
	if !strings.HasSuffix(got, "ca.crt\nnamespace\ntoken\n") {
		t.Errorf("no service account in %q", got)
	}
}

func TestAChangedSecretReachesTheFile(t *testing.T) {
	n := newTenant(t)
	n.secret("login", map[string]string{"token": "old"})
	spec := shell(`echo up; until [ "$(cat "$0")" = new ]; do sleep 0.1; done`)
	spec.Containers[0].Args = append(spec.Containers[0].Args, "/etc/login/token")
	spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "login", MountPath: "/etc/login"}}
	spec.Volumes = []corev1.Volume{
		{Name: "login", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "login"}}},
	}
	n.create("watcher", spec)
	n.until("watcher", corev1.PodRunning)

	n.secret("login", map[string]string{"token": "new"})

	n.ended("watcher", corev1.PodSucceeded)
}

func TestAPodWaitsForItsSecret(t *testing.T) {
	n := newTenant(t)
	spec := shell("exit 0")
	spec.Containers[0].EnvFrom = []corev1.EnvFromSource{
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "in-env"}}},
	}
	spec.Volumes = []corev1.Volume{
		{Name: "login", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "in-volume"}}},
	}
	n.create("patient", spec)
	if got := n.event("patient", "FailedMount"); !strings.Contains(got, `secrets "in-volume" not found`) {
		t.Errorf("got %s", got)
	}

	n.secret("in-volume", nil)
	if got := n.event("patient", "Failed"); !strings.Contains(got, `secrets "in-env" not found`) {
		t.Errorf("got %s", got)
	}
	state := n.pod("patient").Status.ContainerStatuses[0].State.Waiting
	if state == nil || state.Reason != "CreateContainerConfigError" {
		t.Errorf("got %+v", state)
	}

	n.secret("in-env", nil)
	n.ended("patient", corev1.PodSucceeded)
}
