// Package controllers is the part of kube-controller-manager that this project uses: the same controllers by the same
// names and rights, without those for nodes, volumes, certificates and services, and all that these are made of.
package controllers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/controller-manager/pkg/clientbuilder"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
)

// resyncPeriod is kube-controller-manager's --min-resync-period.
const resyncPeriod = 12 * time.Hour

// options are the part of kube-controller-manager's command line that "up" uses. What is fixed here anyway is accepted
// with that value only.
type options struct {
	kubeconfig, serviceAccountKey, rootCA string
	qps                                   float64
	burst, cronJobWorkers, jobWorkers     int
}

// Main is the command "kube-controller-manager", which "up" starts. It returns the exit code.
func Main(args []string) int {
	opts, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "kube-controller-manager: %v\n", err)
		return 2
	}
	if err := run(opts); err != nil {
		fmt.Fprintf(os.Stderr, "kube-controller-manager: %v\n", err)
		return 1
	}
	return 0
}

func parseOptions(args []string) (*options, error) {
	opts := &options{}
	flags := flag.NewFlagSet("kube-controller-manager", flag.ContinueOnError)
	flags.StringVar(&opts.kubeconfig, "kubeconfig", "", "`file` with the address of the API server and a token for it")
	flags.StringVar(&opts.serviceAccountKey, "service-account-private-key-file", "", "`file` with the key that signs tokens")
	flags.StringVar(&opts.rootCA, "root-ca-file", "", "`file` with the authority that pods are to trust")
	flags.Float64Var(&opts.qps, "kube-api-qps", 20, "requests per second of each controller")
	flags.IntVar(&opts.burst, "kube-api-burst", 30, "requests of each controller at once")
	flags.IntVar(&opts.cronJobWorkers, "concurrent-cron-job-syncs", 5, "CronJobs looked at at a time")
	flags.IntVar(&opts.jobWorkers, "concurrent-job-syncs", 5, "Jobs looked at at a time")
	fixed := map[string]string{"use-service-account-credentials": "true", "leader-elect": "false", "secure-port": "0", "profiling": "false"}
	for name, want := range fixed {
		flags.Func(name, "`value`: always "+want+" here", func(value string) error {
			if value != want {
				return fmt.Errorf("it is always %s here", want)
			}
			return nil
		})
	}
	return opts, flags.Parse(args)
}

// manager is what the controllers share.
type manager struct {
	*options
	root, each     clientbuilder.ControllerClientBuilder // ours, and that of each controller's own service account
	informers      informers.SharedInformerFactory
	generic        informerfactory.InformerFactory // of any kind, by its metadata
	metadata       metadata.Interface
	mapper         *restmapper.DeferredDiscoveryRESTMapper
	informersExist chan struct{} // closed when they have been started
	runs           []func(context.Context)
}

func run(opts *options) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	defer klog.Flush()
	m, err := newManager(ctx, opts)
	if err != nil {
		return err
	}
	// The tokens come first: the other controllers' service accounts need theirs.
	for _, add := range []func(context.Context) error{
		m.addTokens, m.addServiceAccounts, m.addRootCertificates, m.addNamespaces, m.addGarbageCollector,
		m.addQuotas, m.addAggregatedRoles, m.addDeployments, m.addCronJobs,
	} {
		if err := add(ctx); err != nil {
			return err
		}
	}
	m.informers.Start(ctx.Done())
	m.generic.Start(ctx.Done())
	close(m.informersExist)
	var group sync.WaitGroup
	for _, each := range m.runs {
		group.Go(func() { each(ctx) })
	}
	group.Wait()
	return nil
}

func newManager(ctx context.Context, opts *options) (*manager, error) {
	config, err := clientcmd.BuildConfigFromFlags("", opts.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = float32(opts.qps), opts.burst
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	restclient.AddUserAgent(config, "kube-controller-manager")
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	m := &manager{
		options:        opts,
		root:           clientbuilder.SimpleControllerClientBuilder{ClientConfig: config},
		informersExist: make(chan struct{}),
	}
	m.each = clientbuilder.NewDynamicClientBuilder(restclient.AnonymousClientConfig(config), client.CoreV1(), metav1.NamespaceSystem)
	shared, err := m.root.Client("shared-informers")
	if err != nil {
		return nil, err
	}
	m.informers = informers.NewSharedInformerFactoryWithOptions(shared, resync(), informers.WithTransform(withoutManagers))
	if config, err = m.root.Config("metadata-informers"); err != nil {
		return nil, err
	}
	if m.metadata, err = metadata.NewForConfig(config); err != nil {
		return nil, err
	}
	m.generic = informerfactory.NewInformerFactory(m.informers,
		metadatainformer.NewSharedInformerFactoryWithOptions(m.metadata, resync(), metadatainformer.WithTransform(withoutManagers)))
	kinds, err := m.root.DiscoveryClient("controller-discovery")
	if err != nil {
		return nil, err
	}
	m.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))
	go wait.Until(m.mapper.Reset, 30*time.Second, ctx.Done())
	return m, nil
}

// resync spreads the controllers' full looks at everything.
func resync() time.Duration {
	return time.Duration(float64(resyncPeriod) * (1 + rand.Float64()))
}

// withoutManagers saves the memory that nobody here looks at.
func withoutManagers(found any) (any, error) {
	if object, err := meta.Accessor(found); err == nil {
		object.SetManagedFields(nil)
	}
	return found, nil
}

// client is that of a controller's own service account.
func (m *manager) client(name string) (kubernetes.Interface, error) { return m.each.Client(name) }

func (m *manager) discovery(name string) (discovery.DiscoveryInterface, error) {
	return m.each.DiscoveryClient(name)
}

func (m *manager) add(run func(context.Context)) { m.runs = append(m.runs, run) }
