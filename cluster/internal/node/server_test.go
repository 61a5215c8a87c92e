package node

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// nodeWith is an agent that knows these pods, and its API for the API server.
func nodeWith(t *testing.T, pods ...*corev1.Pod) (*Agent, string) {
	t.Helper()
	index := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, pod := range pods {
		if err := index.Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	agent := &Agent{dir: t.TempDir(), pods: corelisters.NewPodLister(index)}
	server := httptest.NewServer(agent.routes())
	t.Cleanup(server.Close)
	return agent, server.URL
}

func ask(t *testing.T, url string) *http.Response {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeLog(t *testing.T, agent *Agent, pod *corev1.Pod, attempt int, stdout, stderr string) *logFile {
	t.Helper()
	log, err := agent.createLog(pod, "main", attempt)
	if err != nil {
		t.Fatal(err)
	}
	log.copy("stdout", strings.NewReader(stdout))
	log.copy("stderr", strings.NewReader(stderr))
	return log
}

func TestLogsAreServed(t *testing.T) {
	pod := samplePod(corev1.Container{Name: "main"})
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", State: runs().state}}
	agent, url := nodeWith(t, pod)
	writeLog(t, agent, pod, 0, "first run\n", "").finish()
	writeLog(t, agent, pod, 1, "1\n2\n", "3\n").finish()
	for query, want := range map[string]string{
		"":                               "1\n2\n3\n",
		"tailLines=2":                    "2\n3\n",
		"tailLines=0":                    "",
		"limitBytes=3":                   "1\n2",
		"stream=Stdout":                  "1\n2\n",
		"stream=Stderr":                  "3\n",
		"stream=All":                     "1\n2\n3\n",
		"previous=true":                  "first run\n",
		"sinceSeconds=3600":              "1\n2\n3\n",
		"follow=true":                    "1\n2\n3\n", // and ends, since the container has
		"follow=false":                   "1\n2\n3\n",
		"sinceTime=2999-01-01T00:00:00Z": "",
	} {
		response := ask(t, url+"/containerLogs/shop/orders-1/main?"+query)
		if got := body(t, response); response.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: %s, %q; want %q", query, response.Status, got, want)
		}
	}
	stamped := body(t, ask(t, url+"/containerLogs/shop/orders-1/main?timestamps=true&tailLines=1"))
	if !strings.Contains(stamped, "T") || !strings.HasSuffix(stamped, "Z 3\n") {
		t.Errorf("with time: %q", stamped)
	}
}

func TestLogsThatCannotBeServed(t *testing.T) {
	pod := samplePod(corev1.Container{Name: "main"})
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", State: awaiting("ErrImageNeverPull").state}}
	_, url := nodeWith(t, pod)
	for path, want := range map[string]struct {
		code int
		text string
	}{
		"/containerLogs/shop/orders-1/main":             {400, `container "main" in pod "orders-1" is waiting to start: ErrImageNeverPull`},
		"/containerLogs/shop/orders-1/other":            {404, `container "other" not found in pod "orders-1"`},
		"/containerLogs/shop/absent/main":               {404, `"absent" not found`},
		"/containerLogs/elsewhere/orders-1/main":        {404, `"orders-1" not found`},
		"/containerLogs/shop/orders-1/main?tailLines=x": {400, "bad log options"},
		"/exec/shop/orders-1/main":                      {501, "localplane has no exec"},
	} {
		response := ask(t, url+path)
		if got := body(t, response); response.StatusCode != want.code || !strings.Contains(got, want.text) {
			t.Errorf("%s: %s, %q; want %d, %q", path, response.Status, got, want.code, want.text)
		}
	}
}

func TestTheLogOfTheRunBefore(t *testing.T) {
	pod := samplePod(corev1.Container{Name: "main"})
	agent, url := nodeWith(t, pod)
	previous := url + "/containerLogs/shop/orders-1/main?previous=true"
	writeLog(t, agent, pod, 0, "first run\n", "").finish()

	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", State: runs().state}}
	if response := ask(t, previous); response.StatusCode != http.StatusBadRequest {
		t.Errorf("of the first run: %s", response.Status)
	}
	pod.Status.ContainerStatuses[0].State = awaiting("CrashLoopBackOff").state
	if got := body(t, ask(t, previous)); got != "first run\n" {
		t.Errorf("between two runs: %q", got)
	}
}

func TestALogIsFollowedToTheContainersEnd(t *testing.T) {
	pod := samplePod(corev1.Container{Name: "main"})
	agent, url := nodeWith(t, pod)
	log := writeLog(t, agent, pod, 0, "begun\n", "")

	lines := bufio.NewReader(ask(t, url+"/containerLogs/shop/orders-1/main?follow=true").Body)
	for _, line := range []string{"begun\n", "more\n"} {
		if line == "more\n" {
			log.copy("stdout", strings.NewReader(line))
		}
		if got, err := lines.ReadString('\n'); err != nil || got != line {
			t.Fatalf("got %q, %v; want %q", got, err, line)
		}
	}
	log.copy("stderr", strings.NewReader("end\n"))
	log.finish()
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "end\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}
