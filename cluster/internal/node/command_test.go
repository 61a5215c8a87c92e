package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

var sampleImage = Image{Executable: "/opt/app/bin/app", Args: []string{"serve"}}

func TestAssemble(t *testing.T) {
	at := place{"/host/pod"}
	rewrite := newPaths([]mount{{"/etc/token", "/host/pod/volumes/token"}})
	base := map[string]string{"PATH": "/opt/app/bin:/bin", "HOME": "/host/pod/scratch"}
	env := map[string]string{"FILE": "/etc/token/value", "NAME": "orders"}
	for name, each := range map[string]struct {
		container corev1.Container
		argv      []string
		dir       string
	}{
		"the image's entry point": {
			corev1.Container{}, []string{"/opt/app/bin/app", "serve"}, "/host/pod/scratch",
		},
		"arguments for the entry point": {
			corev1.Container{Args: []string{"--name=$(NAME)", "$(FILE)", "--token=$(FILE)", "$(UNKNOWN)"}},
			[]string{
				"/opt/app/bin/app", "serve", "--name=orders", "/host/pod/volumes/token/value",
				"--token=/host/pod/volumes/token/value", "$(UNKNOWN)",
			},
			"/host/pod/scratch",
		},
		"a command in place of the entry point": {
			corev1.Container{Command: []string{"cat"}, Args: []string{"/etc/token/value"}},
			[]string{"cat", "/host/pod/volumes/token/value"}, "/host/pod/scratch",
		},
		"a working folder in a volume": {
			corev1.Container{Command: []string{"pwd"}, WorkingDir: "/etc/token"},
			[]string{"pwd"}, "/host/pod/volumes/token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := assemble(&each.container, sampleImage, env, base, rewrite, at)
			if !slices.Equal(got.argv, each.argv) {
				t.Errorf("argv: got %q, want %q", got.argv, each.argv)
			}
			if got.dir != each.dir {
				t.Errorf("working folder: got %s, want %s", got.dir, each.dir)
			}
			want := []string{"FILE=/host/pod/volumes/token/value", "HOME=/host/pod/scratch", "NAME=orders", "PATH=/opt/app/bin:/bin"}
			if !slices.Equal(got.env, want) {
				t.Errorf("environment: got %q, want %q", got.env, want)
			}
		})
	}
}

func TestTheSpecsVariablesWinOverTheImages(t *testing.T) {
	got := assemble(&corev1.Container{}, sampleImage, map[string]string{"PATH": "/mine"},
		map[string]string{"PATH": "/bin", "HOME": "/h"}, nil, place{"/host/pod"})
	if got.path != "/mine" || !slices.Contains(got.env, "PATH=/mine") || slices.Contains(got.env, "PATH=/bin") {
		t.Errorf("PATH is %q in %q", got.path, got.env)
	}
}

func TestMountsOf(t *testing.T) {
	at := place{t.TempDir()}
	file := filepath.Join(at.volumes(), "token", "value")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	container := corev1.Container{
		Name: "main", TerminationMessagePath: "/dev/termination-log",
		VolumeMounts: []corev1.VolumeMount{
			{Name: "token", MountPath: "/etc/token"},
			{Name: "token", MountPath: "/etc/one", SubPath: "value"},
			{Name: "data", MountPath: "/data", SubPathExpr: "of/$(POD)"},
			{Name: "data", MountPath: "/up", SubPath: "../../../etc"},
		},
	}
	got, err := mountsOf(&container, map[string]string{"POD": "orders-1"}, at)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(at.volumes(), "data")
	want := []mount{
		{"/dev/termination-log", at.terminationMessage("main")},
		{"/etc/token", filepath.Join(at.volumes(), "token")},
		{"/etc/one", file},
		{"/data", filepath.Join(data, "of", "orders-1")},
		{"/up", filepath.Join(data, "etc")},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if info, err := os.Stat(filepath.Join(data, "of", "orders-1")); err != nil || !info.IsDir() {
		t.Errorf("a sub path that does not exist is made as a folder: %v", err)
	}
}

func TestWhatACommandWaitsFor(t *testing.T) {
	agent := &Agent{images: Images{"app:1": sampleImage}, sources: nil}
	for name, each := range map[string]struct {
		container corev1.Container
		reason    string
		message   string
	}{
		"an image": {corev1.Container{Image: "other:2"}, "ErrImageNeverPull", "--image other:2=EXECUTABLE"},
		"another root": {
			corev1.Container{Image: "app:1", VolumeMounts: []corev1.VolumeMount{{Name: "all", MountPath: "/"}}},
			"CreateContainerConfigError", `volume "all" is mounted at /`,
		},
		"a reference of a kind that there is not": {
			corev1.Container{Image: "app:1", Env: []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{}}}},
			"CreateContainerConfigError", "environment variable X",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agent.commandFor(t.Context(), samplePod(each.container), &each.container, place{t.TempDir()})
			var obstacle *waiting
			if !errors.As(err, &obstacle) {
				t.Fatalf("got %v, want something to wait for", err)
			}
			if obstacle.reason != each.reason || !strings.Contains(obstacle.message, each.message) {
				t.Errorf("got %s: %s", obstacle.reason, obstacle.message)
			}
		})
	}
}
