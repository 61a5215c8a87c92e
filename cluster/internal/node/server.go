package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"
)

// server is the part of the kubelet's API that "kubectl logs" needs. Only the API server may call it: logs can hold
// anything, and other users of the machine reach loopback too.
func (a *Agent) server(clientCA string) (*http.Server, error) {
	authority, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", clientCA)
	}
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	return &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(os.Stderr, "kubelet API: ", log.LstdFlags),
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{*certificate},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    clients,
		},
	}, nil
}

func (a *Agent) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", a.serveLogs)
	for _, name := range []string{"exec", "attach", "run", "portForward"} {
		mux.HandleFunc("/"+name+"/", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "localplane has no "+name+": a container is a plain local process here", http.StatusNotImplemented)
		})
	}
	return mux
}

// listen serves until ctx ends.
func (a *Agent) listen(ctx context.Context, clientCA string) error {
	server, err := a.server(clientCA)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopbackIP, strconv.Itoa(a.port)))
	if err != nil {
		return fmt.Errorf("listen for the API server: %w", err)
	}
	a.port = listener.Addr().(*net.TCPAddr).Port
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return nil
}

// selfSigned makes the serving certificate. The API server does not verify it unless told to.
func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: DefaultName},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(10, 0, 0),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  []net.IP{net.ParseIP(loopbackIP)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// serveLogs answers for one container's log.
func (a *Agent) serveLogs(w http.ResponseWriter, r *http.Request) {
	var asked corev1.PodLogOptions
	query := r.URL.Query()
	// Called by its name: whether the client's scheme knows it too depends on the order in which packages initialize.
	if err := corev1conversion.Convert_url_Values_To_v1_PodLogOptions(&query, &asked, nil); err != nil {
		http.Error(w, "bad log options: "+err.Error(), http.StatusBadRequest)
		return
	}
	pod, err := a.pods.Pods(r.PathValue("namespace")).Get(r.PathValue("pod"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	container := r.PathValue("container")
	if !slices.ContainsFunc(allContainers(pod), func(c corev1.Container) bool { return c.Name == container }) {
		http.Error(w, fmt.Sprintf("container %q not found in pod %q", container, pod.Name), http.StatusNotFound)
		return
	}
	path, err := a.findLog(pod, container, asked.Previous)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := &flushing{w, http.NewResponseController(w)}
	stdout, stderr := io.Writer(out), io.Writer(out)
	if asked.Stream != nil && *asked.Stream == corev1.LogStreamStdout {
		stderr = nil
	}
	if asked.Stream != nil && *asked.Stream == corev1.LogStreamStderr {
		stdout = nil
	}
	running := func() bool {
		log, known := a.openLogs.Load(path)
		return known && log.(*logFile).open.Load()
	}
	err = readLog(r.Context(), path, logOptions(&asked, time.Now()), running, stdout, stderr)
	if err != nil && r.Context().Err() == nil {
		fmt.Fprintf(out, "\nlocalplane: reading the log failed: %v\n", err)
	}
}

// findLog finds the log of a container's present run, or of the one before. After the end of a run, before the next,
// both are the run that ended.
func (a *Agent) findLog(pod *corev1.Pod, container string, previous bool) (string, error) {
	dir := filepath.Join(a.logDir(pod), container)
	attempts, err := logAttempts(dir)
	if err != nil {
		return "", err
	}
	state := containerState(pod, container)
	if len(attempts) == 0 {
		reason := "ContainerCreating"
		if state.Waiting != nil {
			reason = state.Waiting.Reason
		}
		return "", fmt.Errorf("container %q in pod %q is waiting to start: %s", container, pod.Name, reason)
	}
	index := len(attempts) - 1
	if previous && state.Waiting == nil {
		index--
	}
	if index < 0 {
		return "", fmt.Errorf("previous terminated container %q in pod %q not found", container, pod.Name)
	}
	return filepath.Join(dir, strconv.Itoa(attempts[index])+".log"), nil
}

func logAttempts(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var attempts []int
	for _, entry := range entries {
		if number, err := strconv.Atoi(strings.TrimSuffix(entry.Name(), ".log")); err == nil {
			attempts = append(attempts, number)
		}
	}
	slices.Sort(attempts)
	return attempts, nil
}

func containerState(pod *corev1.Pod, container string) corev1.ContainerState {
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.Name == container {
			return status.State
		}
	}
	return corev1.ContainerState{}
}

// flushing sends every line on its way at once: a follower waits for it.
type flushing struct {
	w          io.Writer
	controller *http.ResponseController
}

func (f *flushing) Write(data []byte) (int, error) {
	count, err := f.w.Write(data)
	if err == nil {
		err = f.controller.Flush()
	}
	return count, err
}
