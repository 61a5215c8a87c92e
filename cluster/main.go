// Command localplane is a whole Kubernetes control plane in one binary, for development and tests.
//
// It has the shape of the former "hyperkube": the first argument, or the name it is called by, says which program
// it is. One binary means one build, one file to cache, and one version of everything.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // time zones of CronJobs, on machines without a zone database

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // exec and OIDC credentials, should kubectl be pointed at another cluster
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the client metrics of the components
	"k8s.io/component-base/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"github.com/squared-ai/sync-operator/cluster/internal/cronlib"
	"github.com/squared-ai/sync-operator/cluster/internal/node"
	"github.com/squared-ai/sync-operator/cluster/internal/plane"
	"github.com/squared-ai/sync-operator/cluster/internal/proc"
)

const usage = `localplane: a Kubernetes control plane on this machine, rootless and on loopback.
It is a development tool: no durability, no isolation between pods. Whoever has a cluster does not need it.

  localplane up --dir DIR [--kubeconfig FILE] [--audit-log FILE] [--image NAME=EXECUTABLE[,ARG...]]... [--quiet]
        starts everything, prints "ready KUBECONFIG" and stays in the foreground; Ctrl-C stops everything
        ("localplane up --help" explains the options)
  localplane kubectl ARG...
        kubectl; also when localplane is called by that name
  localplane cron
        tells what Kubernetes makes of a CronJob's schedule ("localplane cron --help" explains the questions)
  localplane version

Run by "up", not by hand: etcd, kube-apiserver, kube-controller-manager, node, guard.
`

// commands are the programs in this binary. Each one is constructed only when it is the one asked for: two of the
// Kubernetes commands in one process fight over the signal handlers and panic.
var commands = map[string]func(args []string) int{
	"up":   plane.Main,
	"cron": cronlib.Main,
	"node": node.Main,
	"guard": func([]string) int {
		return proc.Guard(os.Stdin)
	},
	"etcd": func([]string) int {
		etcdmain.Main(os.Args)
		return 0
	},
	"kube-apiserver":          func([]string) int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func([]string) int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
	"kubectl":                 runKubectl,
	"version": func([]string) int {
		fmt.Println(version.Get().GitVersion)
		return 0
	},
}

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if commands[name] == nil {
		if len(args) == 0 {
			fmt.Fprint(os.Stderr, usage)
			os.Exit(2)
		}
		name, args = args[0], args[1:]
	}
	run := commands[name]
	switch {
	case name == "help" || name == "-h" || name == "--help":
		fmt.Print(usage)
		return
	case run == nil:
		fmt.Fprintf(os.Stderr, "localplane: there is no command %q\n\n%s", name, usage)
		os.Exit(2)
	}
	// The Kubernetes commands read their arguments from os.Args, each expecting to be the whole program.
	os.Args = append([]string{name}, args...)
	proc.DieWithParent()
	os.Exit(run(args))
}

func runKubectl([]string) int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints it the way kubectl does, and exits
	}
	return 0
}
