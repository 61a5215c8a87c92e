package plane

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// startLimit bounds the start: a loaded machine takes a minute, a broken one for ever.
const startLimit = 3 * time.Minute

// plane is one control plane and the processes it consists of.
type plane struct {
	layout
	opts  *options
	ports *ports
	self  string
	begun time.Time

	children []*child
	died     chan *child   // a component that has ended before its time
	hurry    chan struct{} // closed by the second signal
}

// newDied has room for all components, so that none waits to be told of.
func newDied() chan *child { return make(chan *child, 8) }

// Main is the command "up". It returns the exit code.
func Main(args []string) int {
	opts, err := parseOptions(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "localplane up: %v\n", err)
		return 2
	}
	if err := run(opts); err != nil {
		fmt.Fprintf(os.Stderr, "localplane up: %v\n", err)
		return 1
	}
	return 0
}

func run(opts *options) error {
	p := &plane{
		layout: layout{opts.dir}, opts: opts, begun: time.Now(),
		died: newDied(), hurry: make(chan struct{}),
	}
	ctx, cancel := p.untilAskedToStop()
	defer cancel()

	executable, err := os.Executable()
	if err != nil {
		return err
	}
	if p.self, err = filepath.EvalSymlinks(executable); err != nil {
		return err
	}
	lock, err := p.prepare()
	if err != nil {
		return err
	}
	defer lock.Close()

	defer func() { p.stop(); p.say("stopped") }()
	if err := p.startWithFreePorts(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it was ready: as asked
		}
		return err
	}
	fmt.Printf("ready %s\n", p.opts.kubeconfig)
	p.say("ready; logs are in %s; Ctrl-C stops everything", p.at("logs"))
	select {
	case <-ctx.Done():
		return nil
	case c := <-p.died:
		return c.failure()
	}
}

// untilAskedToStop returns a context that ends with SIGINT, SIGTERM or SIGHUP, or when our parent is gone. The
// parent is looked at rather than subscribed to: the kernel's signal comes when the parent's *thread* ends, which
// in a test runner happens at any time.
func (p *plane) untilAskedToStop() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	parent := os.Getppid()
	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			select {
			case <-signals:
				cancel()
			case <-ticker.C:
				if os.Getppid() != parent {
					cancel()
				}
			}
		}
		<-signals
		close(p.hurry)
	}()
	return ctx, cancel
}

// maxStarts bounds how often the components are started because somebody else took one of their ports.
const maxStarts = 3

// startWithFreePorts starts the components. A port that was free when it was chosen may be taken by another process
// before its component listens on it: then all are stopped and started again, with another port for that component.
func (p *plane) startWithFreePorts(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := p.start(ctx)
		var taken *portTakenError
		if !errors.As(err, &taken) || attempt == maxStarts {
			return err
		}
		p.say("another process has taken a port of %s; starting again with another port (attempt %d of %d)",
			taken.component, attempt+1, maxStarts)
		p.stop()
		if err := forgetPorts(p.at("ports.json"), taken.component); err != nil {
			return err
		}
	}
}

// start brings the components up in the order in which they need each other, and waits until the plane works.
func (p *plane) start(stopped context.Context) error {
	ctx, cancel := context.WithTimeout(stopped, startLimit)
	defer cancel()
	if err := os.Remove(p.opts.kubeconfig); err != nil && !os.IsNotExist(err) {
		return err // a kubeconfig must mean a plane that is ready
	}
	if err := makeCerts(p.layout, &p.opts.external); err != nil {
		return err
	}
	if err := p.linkKubectl(p.self); err != nil {
		return err
	}
	var err error
	if p.ports, err = choosePorts(p.at("ports.json")); err != nil {
		return err
	}
	server := net.JoinHostPort(p.opts.external.host(), strconv.Itoa(p.ports.APIServer))
	for _, user := range append(p.opts.external.users(), users...) {
		if err := p.writeKubeconfig(p.componentKubeconfig(user.name), user.name, server); err != nil {
			return err
		}
	}
	client, err := newClient(p.componentKubeconfig(administrator))
	if err != nil {
		return err
	}
	apiserverArgs, err := p.apiserverArgs()
	if err != nil {
		return err
	}
	type step struct {
		name  string
		args  []string
		until []condition
	}
	steps := []step{
		{etcdName, p.etcdArgs(), []condition{etcdHealthy(p.ports.Etcd)}},
		{apiserverName, apiserverArgs, []condition{apiserverReady(client)}},
	}
	if p.opts.external.wanted() {
		steps = append(steps, step{controllerManagerName, p.controllerManagerArgs(), controllersReady(client)})
	} else {
		steps = append(steps, step{controllerManagerName, p.controllerManagerArgs(), nil},
			step{nodeName, p.nodeArgs(), append(controllersReady(client), nodeReady(client))})
	}
	for _, step := range steps {
		p.say("starting %s", step.name)
		if err := p.launch(step.name, step.args); err != nil {
			return err
		}
		if err := p.await(ctx, step.until); err != nil {
			return err
		}
	}
	return p.writeKubeconfig(p.opts.kubeconfig, administrator, server)
}

func (p *plane) launch(name string, args []string) error {
	program := append([]string{p.self, name}, args...)
	if name == controllerManagerName && p.opts.controllers != "" {
		program = append([]string{p.opts.controllers}, args...)
	}
	c, err := startChild(name, p.log(name), program)
	if err != nil {
		return err
	}
	p.children = append(p.children, c)
	died := p.died
	go func() {
		<-c.done
		died <- c
	}()
	return nil
}

// await waits for all conditions, or for the first component that dies over it.
func (p *plane) await(ctx context.Context, conditions []condition) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		for _, each := range conditions {
			if err := each.until(ctx); err != nil {
				result <- err
				return
			}
		}
		result <- nil
	}()
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("not ready after %.0f s: %w; the logs are in %s", time.Since(p.begun).Seconds(), err, p.at("logs"))
		}
		return nil
	case c := <-p.died:
		return c.failure()
	}
}

// patience is how long each component may take to stop; what it holds is either safe by then or worth nothing.
var patience = map[string]time.Duration{
	nodeName:              8 * time.Second, // it stops the containers first
	controllerManagerName: 3 * time.Second,
	apiserverName:         5 * time.Second,
	etcdName:              3 * time.Second,
}

// stop ends the components in the reverse order of their start. They may be started again afterwards.
func (p *plane) stop() {
	for i := len(p.children) - 1; i >= 0; i-- {
		c := p.children[i]
		p.say("stopping %s", c.name)
		c.stop(patience[c.name], p.hurry)
		_ = c.tie.Close()
	}
	p.children, p.died = nil, newDied()
}

// say reports progress with the time since the start.
func (p *plane) say(format string, args ...any) {
	if p.opts.quiet {
		return
	}
	fmt.Fprintf(os.Stderr, "localplane %5.1fs %s\n", time.Since(p.begun).Seconds(), fmt.Sprintf(format, args...))
}
