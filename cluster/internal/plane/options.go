// Package plane starts a control plane on loopback, keeps it running in the foreground, and takes all of it down again.
package plane

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"github.com/squared-ai/sync-operator/cluster/internal/node"
)

// options are the command line of "up".
type options struct {
	dir         string
	kubeconfig  string
	auditLog    string
	images      node.Images
	maxPods     int
	external    externalNode
	controllers string
	quiet       bool
}

const upUsage = `Usage: localplane up --dir DIR [options]

Starts etcd, kube-apiserver, kube-controller-manager and a node agent on free ports of 127.0.0.1. When all of it works,
prints "ready KUBECONFIG" on standard output and stays in the foreground. SIGINT or SIGTERM stops everything; so does
the end of the process that started it. The same DIR again continues with the same objects.

`

// parseOptions reads and checks the command line. It makes paths absolute, since the components have other
// working directories.
func parseOptions(args []string, output io.Writer) (*options, error) {
	opts := &options{images: node.Images{}}
	flags := flag.NewFlagSet("localplane up", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Usage = func() {
		_, _ = io.WriteString(output, upUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&opts.dir, "dir", "", "`folder` for data, certificates, logs and volumes; made if missing (required)")
	flags.StringVar(&opts.kubeconfig, "kubeconfig", "", "`file` to write the administrator's kubeconfig to (default DIR/kubeconfig)")
	flags.StringVar(&opts.auditLog, "audit-log", "", "`file` to append each API request to, one JSON object a line (default: none)")
	flags.Var(opts.images, "image", "`NAME=EXECUTABLE[,ARG...]`: what a container of this image runs; may be repeated")
	flags.IntVar(&opts.maxPods, "max-pods", 64, "pods that run at a time; others wait in Pending")
	flags.Var(&opts.external, "external-node", "`NAME=ADDRESS`: no node agent, but a kubelet of this name is going to join; the API server "+
		"listens on the address, and the kubeconfigs for kubelet, kube-proxy and kube-scheduler are DIR/certs/system-*.kubeconfig")
	flags.StringVar(&opts.controllers, "controller-manager", "", "`file`: a whole kube-controller-manager instead of the controllers "+
		"in this binary, which are those of CronJobs, Jobs, Deployments, namespaces, service accounts, quotas and garbage; "+
		"a node that joins needs more")
	flags.BoolVar(&opts.quiet, "quiet", false, "no progress on standard error")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q; options begin with --, see: localplane up --help", flags.Arg(0))
	case opts.dir == "":
		return nil, errors.New("--dir is missing: name a folder for the plane's data, for example --dir /tmp/plane")
	case opts.maxPods < 1:
		return nil, fmt.Errorf("--max-pods %d: at least 1 is needed", opts.maxPods)
	}
	if opts.kubeconfig == "" {
		opts.kubeconfig = filepath.Join(opts.dir, "kubeconfig")
	}
	for _, path := range []*string{&opts.dir, &opts.kubeconfig, &opts.auditLog, &opts.controllers} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = absolute
	}
	return opts, nil
}
