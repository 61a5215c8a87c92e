package node

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/version"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Like a kubelet: a lease that is cheap to renew, and the status itself seldom.
const (
	leaseSeconds = 40
	leasePeriod  = 10 * time.Second
	statusPeriod = 5 * time.Minute
)

// keepRegistered registers the node and keeps it alive.
func (a *Agent) keepRegistered(ctx context.Context) {
	for retry := firstRetry; ; retry = min(2*retry, maxRetry) {
		err := a.register(ctx)
		if err == nil {
			break
		}
		klog.ErrorS(err, "Cannot register the node; trying again")
		if !pause(ctx, retry, nil) {
			return
		}
	}
	controller := lease.NewController(clock.RealClock{}, a.client, a.name, leaseSeconds, nil, leasePeriod,
		a.name, corev1.NamespaceNodeLease, nil)
	go controller.Run(ctx)
	for pause(ctx, statusPeriod, nil) {
		if err := a.register(ctx); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "Cannot update the node's status")
		}
	}
}

// register creates the node or, if an earlier agent has, takes it over, and writes its status.
func (a *Agent) register(ctx context.Context) error {
	nodes := a.client.CoreV1().Nodes()
	want := a.node()
	found, err := nodes.Get(ctx, a.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		found, err = nodes.Create(ctx, want, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	found.Status = want.Status
	if _, err = nodes.UpdateStatus(ctx, found, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write the node's status: %w", err)
	}
	return nil
}

// node is the node as the API shows it. Capacity is a claim that nobody checks: there is no scheduler and no limit.
func (a *Agent) node() *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourceMemory:           resource.MustParse("8Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("10Gi"),
		corev1.ResourcePods:             *resource.NewQuantity(int64(a.maxPods), resource.DecimalSI),
	}
	now := metav1.Now()
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type: kind, Status: status, Reason: reason, Message: message,
			LastHeartbeatTime: now, LastTransitionTime: now,
		}
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: a.name, Labels: map[string]string{
			corev1.LabelOSStable:   runtime.GOOS,
			corev1.LabelArchStable: runtime.GOARCH,
			corev1.LabelHostname:   a.name,
		}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Conditions: []corev1.NodeCondition{
				condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "NotMeasured", "localplane measures nothing"),
				condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "NotMeasured", "localplane measures nothing"),
				condition(corev1.NodePIDPressure, corev1.ConditionFalse, "NotMeasured", "localplane measures nothing"),
				condition(corev1.NodeReady, corev1.ConditionTrue, "AgentReady", "localplane runs pods as local processes"),
			},
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: loopbackIP}, {Type: corev1.NodeHostName, Address: a.name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(a.port)}},
			NodeInfo: corev1.NodeSystemInfo{
				OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
				KubeletVersion: version.Get().GitVersion, ContainerRuntimeVersion: "localplane://processes",
				OSImage: "local processes", KernelVersion: kernelVersion(),
			},
		},
	}
}

// kernelVersion is unknown, which is no harm, where there is no /proc.
func kernelVersion() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(release))
}
