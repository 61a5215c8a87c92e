// Package node is a node agent without containers: it runs the containers of pods as local processes.
//
// It does what a kubelet and a scheduler do as far as pods of CronJobs need it. Nothing is isolated; what cannot be
// had is refused in the pod's status with a message.
package node

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	eventrecord "k8s.io/client-go/tools/record"

	"github.com/squared-ai/sync-operator/cluster/internal/proc"
)

// DefaultName is the name of the one node of a plane.
const DefaultName = "localplane"

// Agent is the node.
type Agent struct {
	name    string
	id      string // of this run of the agent; marks its containers
	dir     string
	images  Images
	maxPods int
	port    int

	serviceHost, servicePort string // where containers find the API server

	client   kubernetes.Interface
	events   eventrecord.EventRecorder
	sources  *apiSources
	pods     corelisters.PodLister
	watch    *proc.Watch
	starting chan struct{} // as many as may start at a time
	openLogs sync.Map      // path → *logFile, while its container runs

	mu      sync.Mutex
	workers map[types.UID]*worker // of pods that are in the API; nil when it has done its work
	running sync.WaitGroup
	unbound chan struct{} // a pod may wait for a node, or room may have come
}

func newAgent(opts *options) (*Agent, error) {
	config, err := clientcmd.BuildConfigFromFlags("", opts.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.UserAgent, config.QPS = "localplane-node", -1 // the API server's own limits are enough
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	a := &Agent{
		name: opts.name, id: string(uuid.NewUUID()), dir: opts.dir,
		images: opts.images, maxPods: opts.maxPods, port: opts.port,
		client:   client,
		sources:  &apiSources{client: client, tokens: map[tokenKey]issuedToken{}},
		starting: make(chan struct{}, 2*runtime.NumCPU()),
		workers:  map[types.UID]*worker{},
		unbound:  make(chan struct{}, 1),
	}
	return a, a.findService(config)
}

// findService takes the API server's address apart for the variables that every container gets.
func (a *Agent) findService(config *rest.Config) error {
	server, err := url.Parse(config.Host)
	if err != nil {
		return err
	}
	a.serviceHost, a.servicePort, err = net.SplitHostPort(server.Host)
	return err
}

func (a *Agent) placeOf(pod *corev1.Pod) place {
	return place{filepath.Join(a.dir, "pods", string(pod.UID))}
}

func (a *Agent) logDir(pod *corev1.Pod) string {
	return filepath.Join(a.dir, "logs", "pods", fmt.Sprintf("%s_%s_%s", pod.Namespace, pod.Name, pod.UID))
}

// run is the agent's life. It returns when ctx has ended and all containers with it.
func (a *Agent) run(ctx context.Context) error {
	// Volumes of an earlier life may hold Secrets, and no process uses them any more.
	if err := os.RemoveAll(filepath.Join(a.dir, "pods")); err != nil {
		return err
	}
	var err error
	if a.watch, err = proc.NewWatch(a.id); err != nil {
		return err
	}
	defer a.watch.Close()
	defer a.running.Wait()
	a.events = newRecorder(ctx, a.client, a.name)

	factory := informers.NewSharedInformerFactory(a.client, 0)
	if err := a.observe(ctx, factory); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("stopped before %v were known", kind)
		}
	}
	go a.bindPods(ctx)
	go a.keepRegistered(ctx)
	<-ctx.Done()
	return nil
}

// observe connects the watches to the workers.
func (a *Agent) observe(ctx context.Context, factory informers.SharedInformerFactory) error {
	pods := factory.Core().V1().Pods()
	a.pods = pods.Lister()
	podHandler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { a.podChanged(ctx, object) },
		UpdateFunc: func(_, object any) { a.podChanged(ctx, object) },
		DeleteFunc: a.podDeleted,
	}
	if _, err := pods.Informer().AddEventHandler(podHandler); err != nil {
		return err
	}
	for _, each := range []struct {
		informer cache.SharedIndexInformer
		isSecret bool
	}{
		{factory.Core().V1().Secrets().Informer(), true},
		{factory.Core().V1().ConfigMaps().Informer(), false},
	} {
		// Only that something changed is needed; the content is fetched when it is used.
		if err := each.informer.SetTransform(dropContent); err != nil {
			return err
		}
		changed := func(object any) { a.sourceChanged(object, each.isSecret) }
		handler := cache.ResourceEventHandlerFuncs{
			AddFunc: changed, UpdateFunc: func(_, object any) { changed(object) }, DeleteFunc: changed,
		}
		if _, err := each.informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	return nil
}

func dropContent(object any) (any, error) {
	switch object := object.(type) {
	case *corev1.Secret:
		object.Data = nil
	case *corev1.ConfigMap:
		object.Data, object.BinaryData = nil, nil
	}
	return object, nil
}

func terminal(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// podChanged hands a pod to its worker, making one for a pod that is new here.
func (a *Agent) podChanged(ctx context.Context, object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	if pod.Spec.NodeName == "" || terminal(pod) {
		poke(a.unbound)
	}
	if pod.Spec.NodeName != a.name || ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	w, known := a.workers[pod.UID]
	if w == nil && (known || terminal(pod)) { // known: this may be news of before the end, and it must not run again
		a.removeEnded(ctx, pod)
		return
	}
	if w == nil {
		w = newWorker(a, pod)
		a.workers[pod.UID] = w
		a.running.Go(func() {
			w.run(ctx)
			a.workerEnded(ctx, pod)
		})
	}
	w.update(pod)
}

// workerEnded forgets a worker. The pod may have been changed (deleted, that is) when it no longer listened.
func (a *Agent) workerEnded(ctx context.Context, pod *corev1.Pod) {
	a.mu.Lock()
	if _, exists := a.workers[pod.UID]; exists {
		a.workers[pod.UID] = nil
	}
	a.mu.Unlock()
	a.sources.forget(pod.UID)
	if latest, err := a.pods.Pods(pod.Namespace).Get(pod.Name); err == nil && latest.UID == pod.UID {
		a.removeEnded(ctx, latest)
	}
	poke(a.unbound)
}

// removeEnded lets a pod go that was deleted in the moment of its end.
func (a *Agent) removeEnded(ctx context.Context, pod *corev1.Pod) {
	grace := pod.DeletionGracePeriodSeconds
	if pod.DeletionTimestamp == nil || grace != nil && *grace == 0 { // 0: removed already, and held by a finalizer
		return
	}
	a.running.Go(func() {
		for retry := firstRetry; finalDelete(ctx, a.client, pod) != nil && pause(ctx, retry, nil); {
			retry = min(2*retry, maxRetry)
		}
	})
}

func (a *Agent) podDeleted(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	poke(a.unbound)
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.workers[pod.UID]; w != nil {
		w.deleted()
	}
	delete(a.workers, pod.UID)
}

// sourceChanged wakes the pods that refer to a Secret or ConfigMap.
func (a *Agent) sourceChanged(object any, isSecret bool) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	source, err := meta.Accessor(object)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.workers {
		if w == nil {
			continue
		}
		pod := w.spec()
		if pod.Namespace == source.GetNamespace() && refersTo(pod, isSecret, source.GetName()) {
			w.refresh.ring()
		}
	}
}
