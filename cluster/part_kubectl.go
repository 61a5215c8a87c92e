//go:build !found_kubectl

package main

import (
	_ "k8s.io/client-go/plugin/pkg/client/auth" // exec and OIDC credentials, should kubectl be pointed at another cluster
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
)

func init() {
	commands["kubectl"] = func([]string) int {
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err) // prints it the way kubectl does, and exits
		}
		return 0
	}
}
