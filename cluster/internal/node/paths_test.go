package node

import "testing"

func TestPathsAreRewrittenToTheHost(t *testing.T) {
	rewrite := newPaths([]mount{
		{"/tmp", "/host/v/tmp"},
		{"/etc/token/", "/host/v/token"},
		{"/etc/token/deep", "/host/v/deep"},
		{"/dev/termination-log", "/host/termination-main"},
	})
	for text, want := range map[string]string{
		"/etc/token":             "/host/v/token",
		"/etc/token/":            "/host/v/token/",
		"/etc/token/value":       "/host/v/token/value",
		"/etc/token/deep/value":  "/host/v/deep/value",
		"/etc/token/deeper":      "/host/v/token/deeper",
		"/etc/tokens/value":      "/etc/tokens/value",
		"/etc":                   "/etc",
		"/tmp/x":                 "/host/v/tmp/x",
		"/dev/termination-log":   "/host/termination-main",
		"cat /etc/token/value":   "cat /etc/token/value",
		"/etc/token:/tmp":        "/etc/token:/tmp",
		"relative/etc/token":     "relative/etc/token",
		"--file=/etc/token/v":    "--file=/etc/token/v",
		"":                       "",
		"postgres:///etc/token/": "postgres:///etc/token/",
	} {
		if got := rewrite.value(text); got != want {
			t.Errorf("value(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"/etc/token/value":          "/host/v/token/value",
		"--file=/etc/token/value":   "--file=/host/v/token/value",
		"file=/etc/token":           "file=/host/v/token",
		"--pair=name=/etc/token":    "--pair=name=/etc/token",
		"/etc/token/a=b":            "/host/v/token/a=b",
		"/elsewhere/a=/etc/token/b": "/elsewhere/a=/etc/token/b",
		"-c":                        "-c",
	} {
		if got := rewrite.argument(text); got != want {
			t.Errorf("argument(%q) = %q, want %q", text, got, want)
		}
	}
}

// A place on the host may begin with a mount path, since both can be below /tmp.
func TestPathsAreRewrittenOnce(t *testing.T) {
	rewrite := newPaths([]mount{{"/tmp", "/tmp/plane/pods/volumes/tmp"}})
	if got, want := rewrite.argument("--dir=/tmp"), "--dir=/tmp/plane/pods/volumes/tmp"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
