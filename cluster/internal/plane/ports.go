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
	data, err := json.Marshal(chosen)
	if err != nil {
		return nil, err
	}
	return chosen, os.WriteFile(remembered, data, 0o600)
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
