//go:build !linux

package proc

import "syscall"

// killWithParent does nothing where the kernel has no parent-death signal: the pipe and the guard remain.
func killWithParent(*syscall.SysProcAttr) {}
