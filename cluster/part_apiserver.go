//go:build !found_kube_apiserver

package main

import (
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func init() {
	commands["kube-apiserver"] = func([]string) int { return cli.Run(apiserver.NewAPIServerCommand()) }
}
