package plane

import (
	"fmt"
	"os"
	"strconv"
)

// The names of the components: of their logs, and of the commands of this binary.
const (
	etcdName              = "etcd"
	apiserverName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	nodeName              = "node"
)

// auditPolicy: who did what, without bodies, and once for each request.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func (p *plane) etcdArgs() []string {
	client, peer := "http://"+loopback(p.ports.Etcd), "http://"+loopback(p.ports.EtcdPeer)
	return []string{
		"--data-dir", p.at("etcd"),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer,
		"--unsafe-no-fsync", // what a crash of the machine destroys here is nobody's loss
	}
}

func (p *plane) apiserverArgs() ([]string, error) {
	args := []string{
		"--etcd-servers=http://" + loopback(p.ports.Etcd),
		"--secure-port=" + strconv.Itoa(p.ports.APIServer),
		"--cert-dir=" + p.at("certs"),
		"--tls-cert-file=" + p.cert("apiserver") + ".crt",
		"--tls-private-key-file=" + p.cert("apiserver") + ".key",
		"--token-auth-file=" + p.tokens(),
		"--client-ca-file=" + p.cert("ca") + ".crt",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.serviceAccountKey(),
		"--service-account-signing-key-file=" + p.serviceAccountKey(),
		"--service-cluster-ip-range=" + serviceRange,
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + p.cert("kubelet-client") + ".crt",
		"--kubelet-client-key=" + p.cert("kubelet-client") + ".key",
		"--allow-privileged=true", // nothing is isolated here, so nothing is lost
		// Not on by default, but some clusters have it: who holds up the deletion of an owner needs a right to it.
		"--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
		"--profiling=false",
	}
	args = append(args, p.opts.external.apiserverArgs()...)
	if p.opts.auditLog != "" {
		if err := os.WriteFile(p.auditPolicy(), []byte(auditPolicy), 0o600); err != nil {
			return nil, err
		}
		args = append(args,
			"--audit-policy-file="+p.auditPolicy(),
			"--audit-log-path="+p.opts.auditLog,
			"--audit-log-mode=blocking", // a line is in the file before the client has its answer
			"--audit-log-maxsize=1000000",
		)
	}
	return args, nil
}

func (p *plane) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig=" + p.componentKubeconfig(controllerManager),
		"--service-account-private-key-file=" + p.serviceAccountKey(),
		"--root-ca-file=" + p.cert("ca") + ".crt",
		"--use-service-account-credentials=true",
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		// The defaults hold back a burst of CronJobs and Jobs for many seconds; here the API server is not shared.
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--concurrent-cron-job-syncs=20", "--concurrent-job-syncs=20",
	}
}

func (p *plane) nodeArgs() []string {
	args := []string{
		"--kubeconfig=" + p.componentKubeconfig(nodeAgent),
		"--dir=" + p.dir,
		"--port=" + strconv.Itoa(p.ports.Node),
		"--client-ca=" + p.cert("ca") + ".crt",
		"--max-pods=" + strconv.Itoa(p.opts.maxPods),
	}
	for _, image := range p.opts.images.Args() {
		args = append(args, fmt.Sprintf("--image=%s", image))
	}
	return args
}
