package plane

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/squared-ai/sync-operator/cluster/internal/node"
)

// condition is one thing that must hold; nil means that it does.
type condition struct {
	what  string
	check func(ctx context.Context) error
}

// until checks often and gives up with the last answer when the context ends.
func (c condition) until(ctx context.Context) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := c.check(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", c.what, err)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func etcdHealthy(port int) condition {
	return condition{"etcd", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(port)+"/health", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd answers %s", response.Status)
		}
		return nil
	}}
}

func newClient(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.UserAgent, config.QPS = "localplane-up", -1
	return kubernetes.NewForConfig(config)
}

func apiserverReady(client kubernetes.Interface) condition {
	return condition{"the API server", func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}}
}

// controllersReady are the traces that the controllers leave when they work: without them the first pods of a test are
// refused (no service account) or cannot mount their token (no root certificate).
func controllersReady(client kubernetes.Interface) []condition {
	return []condition{
		{"the default service account (made by the controller-manager)", func(ctx context.Context) error {
			_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
			return err
		}},
		{"the root certificate's ConfigMap (made by the controller-manager)", func(ctx context.Context) error {
			_, err := client.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
			return err
		}},
		{"the CronJob controller", func(ctx context.Context) error { return cronJobsWatched(ctx, client) }},
	}
}

func nodeReady(client kubernetes.Interface) condition {
	return condition{"the node", func(ctx context.Context) error {
		found, err := client.CoreV1().Nodes().Get(ctx, node.DefaultName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, state := range found.Status.Conditions {
			if state.Type == corev1.NodeReady && state.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("node %s is not ready", found.Name)
	}}
}

// cronJobsWatched tells whether somebody watches CronJobs: the controller does, from when it works. It is among the
// last to start, and a CronJob changed before it did is treated as if it had always been so.
func cronJobsWatched(ctx context.Context, client kubernetes.Interface) error {
	metrics, err := client.Discovery().RESTClient().Get().AbsPath("/metrics").Do(ctx).Raw()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(metrics)) {
		if strings.HasPrefix(line, "apiserver_longrunning_requests{") &&
			strings.Contains(line, `resource="cronjobs"`) && strings.Contains(line, `verb="WATCH"`) &&
			!strings.HasSuffix(strings.TrimSpace(line), " 0") {
			return nil
		}
	}
	return fmt.Errorf("nobody watches CronJobs yet")
}
