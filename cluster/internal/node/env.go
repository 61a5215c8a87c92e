package node

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// loopbackIP is the address of the node and of all its pods.
const loopbackIP = "127.0.0.1"

// sources are the objects that a pod may refer to.
type sources interface {
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
	Token(ctx context.Context, pod *corev1.Pod, projection *corev1.ServiceAccountTokenProjection) (string, error)
}

// environment resolves the variables that a container's spec asks for: envFrom in its order, then env in its order,
// where a later one may refer to those before it.
func environment(ctx context.Context, from sources, pod *corev1.Pod, container *corev1.Container) (map[string]string, error) {
	env := map[string]string{}
	for _, source := range container.EnvFrom {
		found, err := envFrom(ctx, from, pod.Namespace, source)
		if err != nil {
			return nil, err
		}
		for name, value := range found {
			env[source.Prefix+name] = value
		}
	}
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			env[variable.Name] = expansion.Expand(variable.Value, expansion.MappingFuncFor(env))
			continue
		}
		value, found, err := valueFrom(ctx, from, pod, variable.ValueFrom)
		if err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", variable.Name, err)
		}
		if found {
			env[variable.Name] = value
		}
	}
	return env, nil
}

func envFrom(ctx context.Context, from sources, namespace string, source corev1.EnvFromSource) (map[string]string, error) {
	switch {
	case source.ConfigMapRef != nil:
		found, err := from.ConfigMap(ctx, namespace, source.ConfigMapRef.Name)
		if err != nil {
			return nil, unlessOptional(err, source.ConfigMapRef.Optional)
		}
		return found.Data, nil
	case source.SecretRef != nil:
		found, err := from.Secret(ctx, namespace, source.SecretRef.Name)
		if err != nil {
			return nil, unlessOptional(err, source.SecretRef.Optional)
		}
		return asText(found.Data), nil
	}
	return nil, nil
}

// valueFrom resolves one reference; an optional one to something missing is not found, and no error.
func valueFrom(ctx context.Context, from sources, pod *corev1.Pod, source *corev1.EnvVarSource) (string, bool, error) {
	switch {
	case source.FieldRef != nil:
		value, err := podField(pod, source.FieldRef.FieldPath)
		return value, true, err
	case source.SecretKeyRef != nil:
		ref := source.SecretKeyRef
		found, err := from.Secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			return "", false, unlessOptional(err, ref.Optional)
		}
		return pick(asText(found.Data), "secret "+ref.Name, ref.Key, ref.Optional)
	case source.ConfigMapKeyRef != nil:
		ref := source.ConfigMapKeyRef
		found, err := from.ConfigMap(ctx, pod.Namespace, ref.Name)
		if err != nil {
			return "", false, unlessOptional(err, ref.Optional)
		}
		return pick(found.Data, "configmap "+ref.Name, ref.Key, ref.Optional)
	}
	return "", false, fmt.Errorf("localplane supports only secretKeyRef, configMapKeyRef and fieldRef in valueFrom; use one of them or a value")
}

func pick(data map[string]string, where, key string, optional *bool) (string, bool, error) {
	value, found := data[key]
	if !found && !isTrue(optional) {
		return "", false, fmt.Errorf("%s has no key %q; it has %q", where, key, slices.Sorted(maps.Keys(data)))
	}
	return value, found, nil
}

// unlessOptional drops the error that a missing object is, if it may be missing.
func unlessOptional(err error, optional *bool) error {
	if isTrue(optional) && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func isTrue(value *bool) bool { return value != nil && *value }

func asText(data map[string][]byte) map[string]string {
	text := make(map[string]string, len(data))
	for key, value := range data {
		text[key] = string(value)
	}
	return text
}

// podField reads what fieldRef may name: metadata, and those parts of spec and status that a pod may know of itself.
func podField(pod *corev1.Pod, path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs":
		return loopbackIP, nil // the API object has them only when the pod runs
	}
	return fieldpath.ExtractFieldPathAsString(pod, path)
}
