package node

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"
)

// options are the command line of "node".
type options struct {
	kubeconfig, dir, name, clientCA string
	port, maxPods                   int
	images                          Images
}

// Main is the command "node", which "up" starts. It returns the exit code.
func Main(args []string) int {
	opts := &options{images: Images{}}
	flags := flag.NewFlagSet("localplane node", flag.ContinueOnError)
	flags.StringVar(&opts.kubeconfig, "kubeconfig", "", "`file` with the address of the API server and a token for it")
	flags.StringVar(&opts.dir, "dir", "", "`folder` for volumes (pods/) and logs (logs/pods/)")
	flags.StringVar(&opts.name, "name", DefaultName, "the node's name")
	flags.StringVar(&opts.clientCA, "client-ca", "", "`file` with the authority of those who may read logs")
	flags.IntVar(&opts.port, "port", 0, "port for the API server's requests for logs (default: a free one)")
	flags.IntVar(&opts.maxPods, "max-pods", 64, "pods that run at a time")
	flags.Var(opts.images, "image", "`NAME=EXECUTABLE[,ARG...]`: what a container of this image runs; may be repeated")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if err := start(opts); err != nil {
		fmt.Fprintf(os.Stderr, "localplane node: %v\n", err)
		return 1
	}
	return 0
}

func start(opts *options) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	defer klog.Flush()
	agent, err := newAgent(opts)
	if err != nil {
		return err
	}
	if err := agent.listen(ctx, opts.clientCA); err != nil {
		return err
	}
	return agent.run(ctx)
}
