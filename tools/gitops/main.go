// Command gitops tells what Flux, Helm and Argo CD make of a Kubernetes object that it reads as JSON: `gitops kstatus`
// prints the status that kstatus computes, `gitops lua SCRIPT` what a script returns that runs as Argo CD runs it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(words []string, in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(text); err != nil {
		return err
	}
	var told any
	switch {
	case len(words) == 1 && words[0] == "kstatus":
		told, err = kstatus(&object)
	case len(words) == 2 && words[0] == "lua":
		told, err = runLua(words[1], object.Object)
	default:
		err = errors.New("usage: gitops kstatus | gitops lua SCRIPT, with an object as JSON on standard input")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(told)
}

func kstatus(object *unstructured.Unstructured) (any, error) {
	result, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	return map[string]string{"status": result.Status.String(), "message": result.Message}, nil
}
