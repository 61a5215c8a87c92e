package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// standardPath is what a container has when its image and its spec say nothing.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// command is everything needed to start a container's process.
type command struct {
	argv []string
	env  []string
	dir  string
	path string // the container's PATH, on which argv[0] is looked up
}

// waiting is an obstacle that may go away: the container waits, and it is tried again.
type waiting struct{ reason, message string }

func (w *waiting) Error() string { return w.reason + ": " + w.message }

// place are the folders of a pod on the host.
type place struct{ root string }

func (p place) volumes() string { return filepath.Join(p.root, "volumes") }
func (p place) scratch() string { return filepath.Join(p.root, "scratch") }

func (p place) terminationMessage(container string) string {
	return filepath.Join(p.root, "termination-"+container)
}

// commandFor puts a container's command line and environment together, with the paths of the host in them.
func (a *Agent) commandFor(ctx context.Context, pod *corev1.Pod, container *corev1.Container, at place) (*command, error) {
	image, known := a.images[container.Image]
	if !known {
		return nil, &waiting{"ErrImageNeverPull", fmt.Sprintf(
			"no program stands for the image %q here: restart localplane up with --image %s=EXECUTABLE", container.Image, container.Image)}
	}
	env, err := environment(ctx, a.sources, pod, container)
	if err != nil {
		return nil, &waiting{"CreateContainerConfigError", err.Error()}
	}
	mounts, err := mountsOf(container, env, at)
	if err != nil {
		return nil, &waiting{"CreateContainerConfigError", err.Error()}
	}
	return assemble(container, image, env, a.baseEnv(pod, image, at), newPaths(mounts), at), nil
}

// baseEnv is what every container has, as from its image and its runtime. Nothing of the agent's own environment.
func (a *Agent) baseEnv(pod *corev1.Pod, image Image, at place) map[string]string {
	return map[string]string{
		"PATH":                    filepath.Dir(image.Executable) + ":" + standardPath,
		"HOME":                    at.scratch(),
		"HOSTNAME":                pod.Name,
		"KUBERNETES_SERVICE_HOST": a.serviceHost,
		"KUBERNETES_SERVICE_PORT": a.servicePort,
	}
}

// assemble is the pure part: variables are expanded first, paths rewritten last.
func assemble(container *corev1.Container, image Image, env, base map[string]string, rewrite paths, at place) *command {
	all := maps.Clone(base)
	maps.Copy(all, env)
	mapping := expansion.MappingFuncFor(all)

	argv := slices.Clone(container.Command)
	args := container.Args
	if len(argv) == 0 {
		argv = append([]string{image.Executable}, image.Args...)
	} else {
		argv = expandAll(argv, mapping, rewrite)
	}
	result := &command{argv: append(argv, expandAll(args, mapping, rewrite)...), dir: at.scratch()}
	if container.WorkingDir != "" {
		result.dir = rewrite.value(expansion.Expand(container.WorkingDir, mapping))
	}
	for name := range env {
		all[name] = rewrite.value(env[name])
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		result.env = append(result.env, name+"="+all[name])
	}
	result.path = all["PATH"]
	return result
}

func expandAll(texts []string, mapping func(string) string, rewrite paths) []string {
	expanded := make([]string, 0, len(texts))
	for _, text := range texts {
		expanded = append(expanded, rewrite.argument(expansion.Expand(text, mapping)))
	}
	return expanded
}

// mountsOf lists what the container has mounted, and its termination message file.
func mountsOf(container *corev1.Container, env map[string]string, at place) ([]mount, error) {
	mounts := []mount{{container.TerminationMessagePath, at.terminationMessage(container.Name)}}
	for _, each := range container.VolumeMounts {
		host := filepath.Join(at.volumes(), each.Name)
		below := each.SubPath
		if each.SubPathExpr != "" {
			below = expansion.Expand(each.SubPathExpr, expansion.MappingFuncFor(env))
		}
		if below != "" {
			host = filepath.Join(host, filepath.Join("/", below)) // never above the volume
			if _, err := os.Stat(host); os.IsNotExist(err) {
				if err := os.MkdirAll(host, 0o755); err != nil {
					return nil, err
				}
			}
		}
		if filepath.Clean(each.MountPath) == "/" {
			return nil, fmt.Errorf("volume %q is mounted at /: localplane cannot give a process another root; mount it elsewhere", each.Name)
		}
		mounts = append(mounts, mount{each.MountPath, host})
	}
	return mounts, nil
}
