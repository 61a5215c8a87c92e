//go:build !found_kube_controller_manager

package main

import "github.com/squared-ai/sync-operator/cluster/internal/controllers"

func init() {
	commands["kube-controller-manager"] = controllers.Main
}
