package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	volumeutil "k8s.io/kubernetes/pkg/volume/util"
)

// payload is the content of a volume: files by their path in it.
type payload = map[string]volumeutil.FileProjection

// unsupportedVolume names the first volume that cannot exist here, or returns nil.
func unsupportedVolume(pod *corev1.Pod) error {
	for _, volume := range pod.Spec.Volumes {
		from := volume.VolumeSource
		if from.Secret == nil && from.ConfigMap == nil && from.EmptyDir == nil && from.Projected == nil && from.DownwardAPI == nil {
			return fmt.Errorf("volume %q is of a kind that localplane does not have; "+
				"it has secret, configMap, emptyDir, projected and downwardAPI", volume.Name)
		}
	}
	return nil
}

// volumeContent collects the files of a volume; nil for one that starts empty and belongs to the containers.
func volumeContent(ctx context.Context, from sources, pod *corev1.Pod, volume *corev1.Volume) (payload, error) {
	switch {
	case volume.EmptyDir != nil:
		return nil, nil
	case volume.Secret != nil:
		source := volume.Secret
		return secretFiles(ctx, from, pod.Namespace, source.SecretName, source.Items, mode(source.DefaultMode), source.Optional)
	case volume.ConfigMap != nil:
		source := volume.ConfigMap
		return configMapFiles(ctx, from, pod.Namespace, source.Name, source.Items, mode(source.DefaultMode), source.Optional)
	case volume.DownwardAPI != nil:
		return downwardFiles(pod, volume.DownwardAPI.Items, mode(volume.DownwardAPI.DefaultMode))
	case volume.Projected != nil:
		return projectedFiles(ctx, from, pod, volume.Projected)
	}
	return nil, unsupportedVolume(pod)
}

func projectedFiles(ctx context.Context, from sources, pod *corev1.Pod, projected *corev1.ProjectedVolumeSource) (payload, error) {
	all, permissions := payload{}, mode(projected.DefaultMode)
	for _, source := range projected.Sources {
		var files payload
		var err error
		switch {
		case source.Secret != nil:
			files, err = secretFiles(ctx, from, pod.Namespace, source.Secret.Name, source.Secret.Items, permissions, source.Secret.Optional)
		case source.ConfigMap != nil:
			files, err = configMapFiles(ctx, from, pod.Namespace, source.ConfigMap.Name, source.ConfigMap.Items, permissions, source.ConfigMap.Optional)
		case source.DownwardAPI != nil:
			files, err = downwardFiles(pod, source.DownwardAPI.Items, permissions)
		case source.ServiceAccountToken != nil:
			var token string
			token, err = from.Token(ctx, pod, source.ServiceAccountToken)
			// Like a kubelet, which keeps tokens from everybody but the owner.
			files = payload{source.ServiceAccountToken.Path: {Data: []byte(token), Mode: 0o600}}
		default:
			err = errors.New("localplane projects only secret, configMap, downwardAPI and serviceAccountToken")
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	return all, nil
}

func secretFiles(ctx context.Context, from sources, namespace, name string, items []corev1.KeyToPath, mode int32, optional *bool) (payload, error) {
	found, err := from.Secret(ctx, namespace, name)
	if err != nil {
		return payload{}, unlessOptional(err, optional)
	}
	return keyFiles(found.Data, "secret "+name, items, mode, optional)
}

func configMapFiles(ctx context.Context, from sources, namespace, name string, items []corev1.KeyToPath, mode int32, optional *bool) (payload, error) {
	found, err := from.ConfigMap(ctx, namespace, name)
	if err != nil {
		return payload{}, unlessOptional(err, optional)
	}
	data := maps.Clone(found.BinaryData)
	if data == nil {
		data = map[string][]byte{}
	}
	for key, value := range found.Data {
		data[key] = []byte(value)
	}
	return keyFiles(data, "configmap "+name, items, mode, optional)
}

// keyFiles makes a file of each key, or of the listed ones under the paths given there.
func keyFiles(data map[string][]byte, where string, items []corev1.KeyToPath, mode int32, optional *bool) (payload, error) {
	files := payload{}
	if len(items) == 0 {
		for key, value := range data {
			files[key] = volumeutil.FileProjection{Data: value, Mode: mode}
		}
		return files, nil
	}
	for _, item := range items {
		value, found := data[item.Key]
		if !found && isTrue(optional) {
			continue
		}
		if !found {
			return nil, fmt.Errorf("%s has no key %q", where, item.Key)
		}
		file := volumeutil.FileProjection{Data: value, Mode: mode}
		if item.Mode != nil {
			file.Mode = *item.Mode
		}
		files[item.Path] = file
	}
	return files, nil
}

func downwardFiles(pod *corev1.Pod, items []corev1.DownwardAPIVolumeFile, mode int32) (payload, error) {
	files := payload{}
	for _, item := range items {
		if item.FieldRef == nil {
			return nil, fmt.Errorf("downwardAPI file %q: localplane supports only fieldRef here", item.Path)
		}
		value, err := podField(pod, item.FieldRef.FieldPath)
		if err != nil {
			return nil, err
		}
		file := volumeutil.FileProjection{Data: []byte(value), Mode: mode}
		if item.Mode != nil {
			file.Mode = *item.Mode
		}
		files[item.Path] = file
	}
	return files, nil
}

// mode is a volume's default mode; the API server always fills it in.
func mode(given *int32) int32 {
	if given == nil {
		return corev1.SecretVolumeSourceDefaultMode
	}
	return *given
}

// writeVolumes brings the folders of all volumes up to date. Files appear and change together, by a symbolic link
// that is replaced in one step, so that a reader never sees half of a Secret.
func writeVolumes(ctx context.Context, from sources, pod *corev1.Pod, root string) error {
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		dir := filepath.Join(root, volume.Name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		files, err := volumeContent(ctx, from, pod, volume)
		if err != nil {
			if apierrors.IsNotFound(err) {
				err = fmt.Errorf("%w; it is mounted as soon as it exists", err)
			}
			return fmt.Errorf("volume %q: %w", volume.Name, err)
		}
		if files == nil {
			continue
		}
		writer, err := volumeutil.NewAtomicWriter(dir, "pod "+pod.Namespace+"/"+pod.Name)
		if err != nil {
			return err
		}
		if err := writer.Write(files, nil); err != nil {
			return fmt.Errorf("volume %q: %w", volume.Name, err)
		}
	}
	return nil
}
