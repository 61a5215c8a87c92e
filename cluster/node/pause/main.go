// Command pause holds a pod's namespaces: it does nothing until it is told to stop.
package main

import (
	"os/signal"
	"syscall"

	"context"
)

func main() {
	stopped, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	<-stopped.Done()
}
