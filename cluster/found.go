package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// found are the programs that `build` took from this machine instead of compiling them: lines of NAME=FILE, set by the
// linker. Each has a build tag found_NAME, which leaves out the package that would be it.
var found string

// addFound makes them commands of this binary: it becomes the program, with the same process id and files.
func addFound(list string) {
	for line := range strings.Lines(list) {
		name, file, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		commands[name] = func(args []string) int {
			err := syscall.Exec(file, append([]string{name}, args...), os.Environ())
			fmt.Fprintf(os.Stderr, "localplane: %s: %v; it was there when localplane was built: run cluster/build again\n", file, err)
			return 1
		}
	}
}
