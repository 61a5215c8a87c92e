//go:build linux

// Command kubenode is what a real Kubernetes node runs beside its container runtime, in one binary: kubelet and
// kube-proxy, and with them the scheduler and the whole of kube-controller-manager, which the local control plane has
// no use for.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// commands are the programs in this binary. Only the one asked for is constructed: two of them in one process fight
// over the signal handlers.
var commands = map[string]func() *cobra.Command{
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              kubeproxy.NewProxyCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

func main() {
	name := filepath.Base(os.Args[0])
	construct := commands[name]
	if construct == nil {
		fmt.Fprintf(os.Stderr, "kubenode: called as %q; call it kubelet, kube-proxy, kube-scheduler or kube-controller-manager\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(construct()))
}
