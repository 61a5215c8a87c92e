package node

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func secretVolume(name string, optional bool, items ...corev1.KeyToPath) corev1.VolumeSource {
	return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, Items: items, Optional: &optional}}
}

func podWith(source corev1.VolumeSource) *corev1.Pod {
	pod := samplePod()
	pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: source}}
	return pod
}

// contents are the files of a volume as a container reads them, by path, to a depth of two.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"[^.]*", "[^.]*/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found[strings.TrimPrefix(path, dir+"/")] = string(data)
		}
	}
	return found
}

func TestVolumes(t *testing.T) {
	local := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	for name, each := range map[string]struct {
		source corev1.VolumeSource
		want   map[string]string
	}{
		"a Secret": {secretVolume("login", false), map[string]string{"user": "ada", "password": "s3cret"}},
		"one key at another path": {
			secretVolume("login", false, corev1.KeyToPath{Key: "user", Path: "who/name"}), map[string]string{"who/name": "ada"},
		},
		"a Secret that may be missing": {secretVolume("absent", true), map[string]string{}},
		"a key that may be missing": {
			secretVolume("login", true, corev1.KeyToPath{Key: "absent", Path: "absent"}), map[string]string{},
		},
		"a ConfigMap": {
			corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("settings")}},
			map[string]string{"level": "debug", "binary": "\x00\xff"},
		},
		"an empty folder": {corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, map[string]string{}},
		"the pod's own fields": {
			corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
			}}},
			map[string]string{"labels": `team="data"`},
		},
		"several projected into one": {
			corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: local("login")}},
				{ConfigMap: &corev1.ConfigMapProjection{
					LocalObjectReference: local("settings"), Items: []corev1.KeyToPath{{Key: "level", Path: "level"}},
				}},
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", Audience: "api"}},
				{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
					{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}},
				}}},
			}}},
			map[string]string{
				"user": "ada", "password": "s3cret", "level": "debug", "token": "token of robot for api", "namespace": "shop",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := writeVolumes(t.Context(), sample, podWith(each.source), root); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, filepath.Join(root, "v")); !maps.Equal(got, each.want) {
				t.Errorf("got %q, want %q", got, each.want)
			}
		})
	}
}

func TestVolumesThatCannotBe(t *testing.T) {
	for name, each := range map[string]struct {
		source corev1.VolumeSource
		want   string
	}{
		"a Secret that does not exist yet": {secretVolume("absent", false), "it is mounted as soon as it exists"},
		"a key that a Secret lacks": {
			secretVolume("login", false, corev1.KeyToPath{Key: "absent", Path: "x"}), `secret login has no key "absent"`,
		},
		"a kind that there is not": {
			corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}, "a kind that localplane does not have",
		},
		"a resource's size": {
			corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{Path: "cpu"}}}},
			"only fieldRef",
		},
		"a projection that there is not": {
			corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{}}}},
			"projects only",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := writeVolumes(t.Context(), sample, podWith(each.source), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), each.want) || !strings.Contains(err.Error(), `volume "v"`) {
				t.Errorf("got %v, want %q about volume \"v\"", err, each.want)
			}
		})
	}
}

func TestAVolumesFilesFollowItsSecret(t *testing.T) {
	root, pod := t.TempDir(), podWith(secretVolume("login", false))
	now := given{secrets: map[string]map[string]string{"login": {"token": "old", "gone": "soon"}}}
	if err := writeVolumes(t.Context(), now, pod, root); err != nil {
		t.Fatal(err)
	}
	now.secrets["login"] = map[string]string{"token": "new", "more": "now"}
	if err := writeVolumes(t.Context(), now, pod, root); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"token": "new", "more": "now"}
	if got := contents(t, filepath.Join(root, "v")); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFilesOfAVolumeHaveTheModesAskedFor(t *testing.T) {
	source := secretVolume("login", false,
		corev1.KeyToPath{Key: "user", Path: "user"}, corev1.KeyToPath{Key: "password", Path: "password", Mode: new(int32(0o400))})
	source.Secret.DefaultMode = new(int32(0o640))
	root := t.TempDir()
	if err := writeVolumes(t.Context(), sample, podWith(source), root); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"user": 0o640, "password": 0o400} {
		info, err := os.Stat(filepath.Join(root, "v", name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", name, info, err, want)
		}
	}
}

func TestWhatAPodRefersTo(t *testing.T) {
	container := corev1.Container{
		Env: []corev1.EnvVar{{Name: "A", ValueFrom: secretKey("in-env", "k", false)}, {Name: "B", ValueFrom: configMapKey("map", "k", false)}},
		EnvFrom: []corev1.EnvFromSource{
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "from"}}},
		},
	}
	pod := samplePod(container)
	pod.Spec.Volumes = []corev1.Volume{
		{VolumeSource: secretVolume("mounted", false)},
		{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "projected"}}},
		}}}},
	}
	for _, each := range []struct {
		secret bool
		name   string
		want   bool
	}{
		{true, "in-env", true}, {true, "from", true}, {true, "mounted", true}, {true, "other", false}, {true, "map", false},
		{false, "map", true}, {false, "projected", true}, {false, "mounted", false},
	} {
		if got := refersTo(pod, each.secret, each.name); got != each.want {
			t.Errorf("secret %v, %s: got %v", each.secret, each.name, got)
		}
	}
}
