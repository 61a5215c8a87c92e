package node

import (
	"context"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/squared-ai/sync-operator/cluster/internal/proc"
)

// TestMain lets this program be the guard of the processes that its tests start, like the one it stands for.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "guard" {
		os.Exit(proc.Guard(os.Stdin))
	}
	os.Exit(m.Run())
}

// given are the objects that a pod may refer to, by name.
type given struct {
	secrets, configMaps map[string]map[string]string
}

func (g given) Secret(_ context.Context, _, name string) (*corev1.Secret, error) {
	found, known := g.secrets[name]
	if !known {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
	}
	data := map[string][]byte{}
	for key, value := range found {
		data[key] = []byte(value)
	}
	return &corev1.Secret{Data: data}, nil
}

func (g given) ConfigMap(_ context.Context, _, name string) (*corev1.ConfigMap, error) {
	found, known := g.configMaps[name]
	if !known {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, name)
	}
	return &corev1.ConfigMap{Data: found, BinaryData: map[string][]byte{"binary": {0, 255}}}, nil
}

func (g given) Token(_ context.Context, pod *corev1.Pod, want *corev1.ServiceAccountTokenProjection) (string, error) {
	return "token of " + pod.Spec.ServiceAccountName + " for " + want.Audience, nil
}
