package controllers

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	schedulinginformers "k8s.io/client-go/informers/scheduling/v1beta1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/cronjob"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/resourcequota"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/ttlafterfinished"
	"k8s.io/kubernetes/pkg/features"
	quotainstall "k8s.io/kubernetes/pkg/quota/v1/install"
	tokens "k8s.io/kubernetes/pkg/serviceaccount"
)

// What follows is kube-controller-manager's own way of making each of its controllers, with its defaults.

func (m *manager) addTokens(ctx context.Context) error {
	key, err := keyutil.PrivateKeyFromFile(m.serviceAccountKey)
	if err != nil {
		return fmt.Errorf("read the key of service accounts: %w", err)
	}
	authority, err := os.ReadFile(m.rootCA)
	if err != nil {
		return err
	}
	client, err := m.root.Client("tokens-controller")
	if err != nil {
		return err
	}
	generator, err := tokens.JWTTokenGenerator(tokens.LegacyIssuer, key)
	if err != nil {
		return err
	}
	made, err := serviceaccount.NewTokensController(
		klog.FromContext(ctx), m.informers.Core().V1().ServiceAccounts(), m.informers.Core().V1().Secrets(), client,
		serviceaccount.TokensControllerOptions{TokenGenerator: generator, RootCA: authority},
	)
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { made.Run(ctx, 5) })
	return nil
}

func (m *manager) addServiceAccounts(ctx context.Context) error {
	client, err := m.client("service-account-controller")
	if err != nil {
		return err
	}
	made, err := serviceaccount.NewServiceAccountsController(
		klog.FromContext(ctx), m.informers.Core().V1().ServiceAccounts(), m.informers.Core().V1().Namespaces(), client,
		serviceaccount.DefaultServiceAccountsControllerOptions(),
	)
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { made.Run(ctx, 1) })
	return nil
}

func (m *manager) addRootCertificates(context.Context) error {
	authority, err := os.ReadFile(m.rootCA)
	if err != nil {
		return err
	}
	client, err := m.client("root-ca-cert-publisher")
	if err != nil {
		return err
	}
	made, err := rootcacertpublisher.NewPublisher(
		m.informers.Core().V1().ConfigMaps(), m.informers.Core().V1().Namespaces(), client, authority,
	)
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { made.Run(ctx, 1) })
	return nil
}

func (m *manager) addNamespaces(ctx context.Context) error {
	config, err := m.each.Config("namespace-controller")
	if err != nil {
		return err
	}
	config.QPS, config.Burst = config.QPS*20, config.Burst*100 // it asks for all kinds there are
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	made := namespace.NewNamespaceController(
		ctx, client, objects, client.Discovery().ServerPreferredNamespacedResources,
		m.informers.Core().V1().Namespaces(), 5*time.Minute, corev1.FinalizerKubernetes,
	)
	m.add(func(ctx context.Context) { made.Run(ctx, 10) })
	return nil
}

func (m *manager) addGarbageCollector(ctx context.Context) error {
	const name, period = "generic-garbage-collector", 30 * time.Second
	client, err := m.client(name)
	if err != nil {
		return err
	}
	kinds, err := m.discovery(name)
	if err != nil {
		return err
	}
	config, err := m.each.Config(name)
	if err != nil {
		return err
	}
	config.QPS *= 2 // two calls for each object
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	graph := garbagecollector.NewDependencyGraphBuilder(
		ctx, m.metadata, m.mapper, garbagecollector.DefaultIgnoredResources(), m.generic, m.informersExist,
	)
	made, err := garbagecollector.NewComposedGarbageCollector(ctx, client, objects, m.mapper, graph)
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { made.Run(ctx, 20, period) })
	m.add(func(ctx context.Context) { made.Sync(ctx, kinds, period) })
	return nil
}

func (m *manager) addQuotas(ctx context.Context) error {
	const name = "resourcequota-controller"
	client, err := m.client(name)
	if err != nil {
		return err
	}
	kinds, err := m.discovery(name)
	if err != nil {
		return err
	}
	lister := generic.ListerFuncForResourceFunc(m.informers.ForResource)
	configuration, err := quotainstall.NewQuotaConfigurationForControllers(lister, m.informers)
	if err != nil {
		return err
	}
	made, err := resourcequota.NewController(ctx, &resourcequota.ControllerOptions{
		QuotaClient:               client.CoreV1(),
		ResourceQuotaInformer:     m.informers.Core().V1().ResourceQuotas(),
		ResyncPeriod:              controller.StaticResyncPeriodFunc(5 * time.Minute),
		InformerFactory:           m.generic,
		ReplenishmentResyncPeriod: resync,
		DiscoveryFunc:             kinds.ServerPreferredNamespacedResources,
		IgnoredResourcesFunc:      configuration.IgnoredResources,
		InformersStarted:          m.informersExist,
		Registry:                  generic.NewRegistry(configuration.Evaluators()),
		UpdateFilter:              quotainstall.DefaultUpdateFilter(),
	})
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { made.Run(ctx, 5) })
	m.add(func(ctx context.Context) { made.Sync(ctx, kinds.ServerPreferredNamespacedResources, 30*time.Second) })
	return nil
}

func (m *manager) addAggregatedRoles(context.Context) error {
	client, err := m.client("clusterrole-aggregation-controller")
	if err != nil {
		return err
	}
	made := clusterroleaggregation.NewClusterRoleAggregation(m.informers.Rbac().V1().ClusterRoles(), client.RbacV1())
	m.add(func(ctx context.Context) { made.Run(ctx, 5) })
	return nil
}

func (m *manager) addDeployments(ctx context.Context) error {
	client, err := m.client("replicaset-controller")
	if err != nil {
		return err
	}
	apps, pods := m.informers.Apps().V1(), m.informers.Core().V1().Pods()
	replicas := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), pods, client, replicaset.BurstReplicas)
	m.add(func(ctx context.Context) { replicas.Run(ctx, 5) })
	if client, err = m.client("deployment-controller"); err != nil {
		return err
	}
	made, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), pods, client)
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { made.Run(ctx, 5) })
	return nil
}

func (m *manager) addCronJobs(ctx context.Context) error {
	client, err := m.client("job-controller")
	if err != nil {
		return err
	}
	batch := m.informers.Batch().V1()
	var workloads schedulinginformers.WorkloadInformer
	var groups schedulinginformers.PodGroupInformer
	if utilfeature.DefaultFeatureGate.Enabled(features.WorkloadWithJob) {
		workloads, groups = m.informers.Scheduling().V1beta1().Workloads(), m.informers.Scheduling().V1beta1().PodGroups()
	}
	jobs, err := job.NewController(ctx, client, m.informers.Core().V1().Pods(), batch.Jobs(), workloads, groups)
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { jobs.Run(ctx, m.jobWorkers) })
	if client, err = m.client("ttl-after-finished-controller"); err != nil {
		return err
	}
	finished := ttlafterfinished.New(ctx, batch.Jobs(), client)
	m.add(func(ctx context.Context) { finished.Run(ctx, 5) })
	if client, err = m.client("cronjob-controller"); err != nil {
		return err
	}
	made, err := cronjob.NewControllerV2(ctx, batch.Jobs(), batch.CronJobs(), client)
	if err != nil {
		return err
	}
	m.add(func(ctx context.Context) { made.Run(ctx, m.cronJobWorkers) })
	return nil
}
