package plane

import (
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseOptions([]string{"--dir", "plane", "--audit-log", "audit", "--image", "shell=/bin/sh,-c"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if got.dir != filepath.Join(here, "plane") || got.kubeconfig != filepath.Join(here, "plane", "kubeconfig") ||
		got.auditLog != filepath.Join(here, "audit") {
		t.Errorf("paths: %+v", got)
	}
	if got.images.String() != "shell=/bin/sh,-c" || got.maxPods != 64 {
		t.Errorf("got %+v", got)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for _, each := range []struct {
		args []string
		want string
	}{
		{nil, "--dir is missing"},
		{[]string{"--dir", "x", "more"}, `unexpected argument "more"`},
		{[]string{"--dir", "x", "--max-pods", "0"}, "at least 1"},
		{[]string{"--dir", "x", "--image", "y"}, "NAME=EXECUTABLE"},
		{[]string{"--dir", "x", "--external-node", "node"}, "NAME=ADDRESS"},
		{[]string{"--dir", "x", "--external-node", "a/node=10.89.0.1"}, "NAME=ADDRESS"},
		{[]string{"--nonesuch"}, "nonesuch"},
	} {
		if _, err := parseOptions(each.args, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), each.want) {
			t.Errorf("%v: %v, want %q", each.args, err, each.want)
		}
	}
}

func TestAnExternalNodeMovesTheAPIServer(t *testing.T) {
	ours, err := parseOptions([]string{"--dir", "x"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := parseOptions([]string{"--dir", "x", "--external-node", "node=10.89.0.1"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if ours.external.wanted() || ours.external.host() != "127.0.0.1" || len(ours.external.users()) > 0 {
		t.Errorf("without: %+v", ours.external)
	}
	if !theirs.external.wanted() || theirs.external.host() != "10.89.0.1" || theirs.external.String() != "node=10.89.0.1" {
		t.Errorf("with: %+v", theirs.external)
	}
	if users := theirs.external.users(); users[0] != (user{"system:node:node", "system:nodes"}) {
		t.Errorf("got %+v", users)
	}
}

func TestHelpExplainsTheOptions(t *testing.T) {
	var output strings.Builder
	if _, err := parseOptions([]string{"--help"}, &output); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"Usage: localplane up", "-kubeconfig file", "-image NAME=EXECUTABLE"} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("no %q in:\n%s", want, &output)
		}
	}
}

func TestPortsAreThoseOfTheLastTimeWhereFree(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports.json")
	first, err := choosePorts(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range first.all() {
		if *port < firstPort || *port > lastPort || seen[*port] {
			t.Errorf("got %+v", *first)
		}
		seen[*port] = true
	}
	taken, err := net.Listen("tcp", loopback(first.Node))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	second, err := choosePorts(file)
	if err != nil {
		t.Fatal(err)
	}
	if second.Etcd != first.Etcd || second.EtcdPeer != first.EtcdPeer || second.APIServer != first.APIServer {
		t.Errorf("got %+v after %+v", *second, *first)
	}
	if second.Node == first.Node {
		t.Error("a port that is taken was chosen")
	}
}

func TestPortsOfAComponentAreForgotten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports.json")
	for _, component := range []string{etcdName, apiserverName, nodeName} {
		first, err := choosePorts(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := forgetPorts(file, component); err != nil {
			t.Fatal(err)
		}
		second, err := choosePorts(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{etcdName, apiserverName, nodeName} {
			for i, port := range second.of(other) {
				if (*port == *first.of(other)[i]) == (other == component) {
					t.Errorf("those of %s are forgotten: %+v after %+v", component, *second, *first)
				}
			}
		}
	}
}

func TestPortsThatCannotBeReadAreChosenAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports.json")
	if err := os.WriteFile(file, []byte(`{"Etcd": 80, "Node": "x"`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := choosePorts(file)
	if err != nil || got.Etcd < firstPort {
		t.Errorf("got %+v, %v", got, err)
	}
}
