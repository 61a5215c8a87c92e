package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Image is what stands for a container image here: the program that its entry point would be.
type Image struct {
	Executable string
	Args       []string
}

// Images says which program stands for which image. It is a flag.Value: NAME=EXECUTABLE[,ARG...], repeatable.
type Images map[string]Image

// String is part of flag.Value.
func (i Images) String() string { return strings.Join(i.Args(), " ") }

// Args returns the images as arguments for the same flag in another process.
func (i Images) Args() []string {
	var args []string
	for name, image := range i {
		args = append(args, name+"="+strings.Join(append([]string{image.Executable}, image.Args...), ","))
	}
	slices.Sort(args)
	return args
}

// Set reads one NAME=EXECUTABLE[,ARG...]. The program must be there now: a mistyped path shall be told to whoever
// typed it, not to a pod an hour later.
func (i Images) Set(value string) error {
	name, command, found := strings.Cut(value, "=")
	if !found || name == "" || command == "" {
		return errors.New("want NAME=EXECUTABLE[,ARG...], for example busybox=/bin/sh")
	}
	parts := strings.Split(command, ",")
	path, err := exec.LookPath(parts[0])
	if err != nil {
		return fmt.Errorf("%s is not a program that can be run: %w", parts[0], errors.Unwrap(err))
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	i[name] = Image{Executable: path, Args: parts[1:]}
	return nil
}

// lookPath finds a program the way a container's runtime does: on the container's PATH, not on ours.
func lookPath(program, path, dir string) (string, error) {
	if strings.Contains(program, "/") {
		if !filepath.IsAbs(program) {
			program = filepath.Join(dir, program)
		}
		return program, executable(program)
	}
	for _, each := range filepath.SplitList(path) {
		candidate := filepath.Join(each, program)
		if filepath.IsAbs(candidate) && executable(candidate) == nil {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("exec: %q: not found on the container's PATH %s", program, path)
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("exec: %q is not an executable file", path)
	}
	return nil
}
