package node

import (
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var sample = given{
	secrets:    map[string]map[string]string{"login": {"user": "ada", "password": "s3cret"}},
	configMaps: map[string]map[string]string{"settings": {"level": "debug"}},
}

func samplePod(containers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "orders-1", Namespace: "shop", UID: "u-1",
			Labels:      map[string]string{"team": "data"},
			Annotations: map[string]string{"note": "two\nlines"},
		},
		Spec: corev1.PodSpec{NodeName: "localplane", ServiceAccountName: "robot", Containers: containers},
	}
}

func secretKey(name, key string, optional bool) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: &optional,
	}}
}

func configMapKey(name, key string, optional bool) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: &optional,
	}}
}

func field(path string) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
}

func TestEnvironment(t *testing.T) {
	container := corev1.Container{
		EnvFrom: []corev1.EnvFromSource{
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
			{Prefix: "DB_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "login"}}},
			{SecretRef: &corev1.SecretEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "missing"}, Optional: new(true),
			}},
			{ConfigMapRef: &corev1.ConfigMapEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "missing"}, Optional: new(true),
			}},
		},
		Env: []corev1.EnvVar{
			{Name: "PLAIN", Value: "value"},
			{Name: "level", Value: "info"},
			{Name: "USER", ValueFrom: secretKey("login", "user", false)},
			{Name: "COPIED", ValueFrom: configMapKey("settings", "level", false)},
			{Name: "URL", Value: "https://$(USER):$(LATER)@host/$$(USER)"},
			{Name: "LATER", Value: "too late"},
			{Name: "NO_SECRET", ValueFrom: secretKey("missing", "user", true)},
			{Name: "NO_KEY", ValueFrom: secretKey("login", "missing", true)},
			{Name: "NO_MAP", ValueFrom: configMapKey("missing", "level", true)},
			{Name: "POD", ValueFrom: field("metadata.name")},
			{Name: "NAMESPACE", ValueFrom: field("metadata.namespace")},
			{Name: "TEAM", ValueFrom: field("metadata.labels['team']")},
			{Name: "NODE", ValueFrom: field("spec.nodeName")},
			{Name: "ACCOUNT", ValueFrom: field("spec.serviceAccountName")},
			{Name: "IP", ValueFrom: field("status.podIP")},
		},
	}

	got, err := environment(t.Context(), sample, samplePod(container), &container)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"level": "info", "DB_user": "ada", "DB_password": "s3cret",
		"PLAIN": "value", "USER": "ada", "COPIED": "debug", "LATER": "too late",
		"URL": "https://ada:$(LATER)@host/$(USER)",
		"POD": "orders-1", "NAMESPACE": "shop", "TEAM": "data", "NODE": "localplane", "ACCOUNT": "robot", "IP": "127.0.0.1",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEnvironmentSaysWhatIsMissing(t *testing.T) {
	for name, each := range map[string]struct {
		container corev1.Container
		wants     []string
	}{
		"a Secret": {
			corev1.Container{Env: []corev1.EnvVar{{Name: "TOKEN", ValueFrom: secretKey("absent", "user", false)}}},
			[]string{"TOKEN", `"absent" not found`},
		},
		"a key, with those that there are": {
			corev1.Container{Env: []corev1.EnvVar{{Name: "TOKEN", ValueFrom: secretKey("login", "pasword", false)}}},
			[]string{"TOKEN", "secret login", `"pasword"`, `["password" "user"]`},
		},
		"a ConfigMap": {
			corev1.Container{EnvFrom: []corev1.EnvFromSource{{
				ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "absent"}},
			}}},
			[]string{`"absent" not found`},
		},
		"a kind of reference": {
			corev1.Container{Env: []corev1.EnvVar{{
				Name: "CPU", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}},
			}}},
			[]string{"CPU", "localplane supports only secretKeyRef, configMapKeyRef and fieldRef"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := environment(t.Context(), sample, samplePod(each.container), &each.container)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range each.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %s", err, want)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q holds a Secret's value", err)
			}
		})
	}
}
