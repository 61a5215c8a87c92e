package plane

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// Ports are taken from below the range that kernels give to outgoing connections (32768 and up), so that no
// connection can take one between our test and the component's use.
const firstPort, lastPort = 20000, 29999

// ports are the plane's addresses.
type ports struct {
	Etcd, EtcdPeer, APIServer, Node int
}

func (p *ports) all() []*int { return []*int{&p.Etcd, &p.EtcdPeer, &p.APIServer, &p.Node} }

// of returns the ports that a component listens on.
func (p *ports) of(component string) []*int {
	switch component {
	case etcdName:
		return []*int{&p.Etcd, &p.EtcdPeer}
	case apiserverName:
		return []*int{&p.APIServer}
	case nodeName:
		return []*int{&p.Node}
	}
	return nil
}

// choosePorts takes the ports of the last time in this folder where they are still free: whoever watched the API
// server then finds the restarted one.
func choosePorts(remembered string) (*ports, error) {
	chosen := &ports{}
	if data, err := os.ReadFile(remembered); err == nil {
		_ = json.Unmarshal(data, chosen) // what cannot be read is chosen anew
	}
	var held []net.Listener
	defer func() {
		for _, listener := range held {
			_ = listener.Close()
		}
	}()
	for _, port := range chosen.all() {
		listener, err := listenFree(*port)
		if err != nil {
			return nil, err
		}
		held = append(held, listener)
		*port = listener.Addr().(*net.TCPAddr).Port
	}
	return chosen, chosen.remember(remembered)
}

// forgetPorts lets choosePorts choose other ports for a component, also if those of the last time seem to be free: it
// tries them on 127.0.0.1, and the component may listen elsewhere.
func forgetPorts(remembered, component string) error {
	data, err := os.ReadFile(remembered)
	if err != nil {
		return err
	}
	chosen := &ports{}
	if err := json.Unmarshal(data, chosen); err != nil {
		return err
	}
	for _, port := range chosen.of(component) {
		*port = 0
	}
	return chosen.remember(remembered)
}

func (p *ports) remember(file string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// listenFree listens on the wanted port, or else on a random free one.
func listenFree(wanted int) (net.Listener, error) {
	var last error
	for range 200 {
		if wanted < firstPort || wanted > lastPort {
			wanted = firstPort + rand.IntN(lastPort-firstPort+1)
		}
		listener, err := net.Listen("tcp", loopback(wanted))
		if err == nil {
			return listener, nil
		}
		wanted, last = 0, err
	}
	return nil, fmt.Errorf("no free port between %d and %d on 127.0.0.1: %w", firstPort, lastPort, last)
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
