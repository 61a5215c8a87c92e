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

	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the client metrics of the components
	"k8s.io/component-base/version"

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

// commands are the programs in this binary; the files part_*.go and found.go add those that can be left out. Each one
// is constructed only when it is the one asked for: two of the Kubernetes commands in one process fight over the
// signal handlers and panic.
var commands = map[string]func(args []string) int{
	"up":   plane.Main,
	"cron": cronlib.Main,
	"node": node.Main,
	"guard": func([]string) int {
		return proc.Guard(os.Stdin)
	},
	"version": func([]string) int {
		fmt.Println(version.Get().GitVersion)
		return 0
	},
}

func main() {
	addFound(found)
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
