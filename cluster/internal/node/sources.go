package node

import (
	"context"
	"slices"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// apiSources asks the API server each time. A cache could miss what was created just before the pod, and an optional
// reference would then silently be empty.
type apiSources struct {
	client kubernetes.Interface

	mu     sync.Mutex
	tokens map[tokenKey]issuedToken
}

type tokenKey struct {
	pod      types.UID
	audience string
	seconds  int64
}

type issuedToken struct {
	token string
	renew time.Time
}

func (s *apiSources) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return s.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
}

func (s *apiSources) ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	return s.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
}

// Token returns a service account token bound to the pod, the same one until four fifths of its life are over.
func (s *apiSources) Token(ctx context.Context, pod *corev1.Pod, want *corev1.ServiceAccountTokenProjection) (string, error) {
	key := tokenKey{pod: pod.UID, audience: want.Audience, seconds: 3600}
	if want.ExpirationSeconds != nil {
		key.seconds = *want.ExpirationSeconds
	}
	s.mu.Lock()
	known, found := s.tokens[key]
	s.mu.Unlock()
	if found && time.Now().Before(known.renew) {
		return known.token, nil
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: &key.seconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if want.Audience != "" {
		request.Spec.Audiences = []string{want.Audience}
	}
	answer, err := s.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[key] = issuedToken{answer.Status.Token, time.Now().Add(time.Duration(key.seconds) * time.Second * 4 / 5)}
	return answer.Status.Token, nil
}

// forget drops a pod's tokens.
func (s *apiSources) forget(pod types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.tokens {
		if key.pod == pod {
			delete(s.tokens, key)
		}
	}
}

// refersTo tells whether a pod's environment or volumes may contain this object, so that a change of it concerns the pod.
func refersTo(pod *corev1.Pod, isSecret bool, name string) bool {
	for _, volume := range pod.Spec.Volumes {
		if volumeRefersTo(&volume.VolumeSource, isSecret, name) {
			return true
		}
	}
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, source := range container.EnvFrom {
			if isSecret && source.SecretRef != nil && source.SecretRef.Name == name ||
				!isSecret && source.ConfigMapRef != nil && source.ConfigMapRef.Name == name {
				return true
			}
		}
		for _, variable := range container.Env {
			from := variable.ValueFrom
			if from != nil && (isSecret && from.SecretKeyRef != nil && from.SecretKeyRef.Name == name ||
				!isSecret && from.ConfigMapKeyRef != nil && from.ConfigMapKeyRef.Name == name) {
				return true
			}
		}
	}
	return false
}

func volumeRefersTo(volume *corev1.VolumeSource, isSecret bool, name string) bool {
	if isSecret && volume.Secret != nil && volume.Secret.SecretName == name ||
		!isSecret && volume.ConfigMap != nil && volume.ConfigMap.Name == name {
		return true
	}
	if volume.Projected == nil {
		return false
	}
	for _, source := range volume.Projected.Sources {
		if isSecret && source.Secret != nil && source.Secret.Name == name ||
			!isSecret && source.ConfigMap != nil && source.ConfigMap.Name == name {
			return true
		}
	}
	return false
}
