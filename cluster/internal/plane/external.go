package plane

import (
	"fmt"
	"net"
	"regexp"
	"strings"
)

const (
	serviceRange      = "10.0.0.0/24"
	serviceAPIAddress = "10.0.0.1" // of the Service "kubernetes": the first one of the range
)

const (
	kubeProxy = "system:kube-proxy"
	scheduler = "system:kube-scheduler"
)

var nodeNames = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// externalNode is a node that somebody else starts: the kubelet that joins instead of our node agent.
type externalNode struct {
	name    string
	address net.IP
}

// String and Set make it an option's value.
func (n *externalNode) String() string {
	if n.name == "" {
		return ""
	}
	return n.name + "=" + n.address.String()
}

func (n *externalNode) Set(value string) error {
	name, address, _ := strings.Cut(value, "=")
	n.name, n.address = name, net.ParseIP(address)
	if !nodeNames.MatchString(n.name) || n.address == nil {
		return fmt.Errorf("%q is not NAME=ADDRESS, such as node=10.89.0.1", value)
	}
	return nil
}

func (n *externalNode) wanted() bool { return n.name != "" }

// host is the address that the API server listens on.
func (n *externalNode) host() string {
	if n.wanted() {
		return n.address.String()
	}
	return "127.0.0.1"
}

// users are the clients that come with such a node. What they may do is in the API server's default roles.
func (n *externalNode) users() []user {
	if !n.wanted() {
		return nil
	}
	return []user{{"system:node:" + n.name, "system:nodes"}, {kubeProxy, ""}, {scheduler, ""}}
}

// apiserverArgs is where the API server is, and what nodes may do.
func (n *externalNode) apiserverArgs() []string {
	if !n.wanted() {
		return []string{
			"--bind-address=127.0.0.1",
			"--endpoint-reconciler-type=none", // it refuses to publish a loopback address
			"--authorization-mode=RBAC",
			"--disable-admission-plugins=TaintNodesByCondition", // there is no scheduler to heed the taint
		}
	}
	return []string{
		"--bind-address=" + n.host(),
		"--advertise-address=" + n.host(),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
	}
}
