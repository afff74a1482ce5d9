//go:build !linux

package pgembed

import "syscall"

// stopWithParent does nothing: other kernels tell no child that its parent died.
func stopWithParent(*syscall.SysProcAttr) {}

// enterUserns does nothing: there are no user namespaces. PostgreSQL will then
// refuse to run as root, and say so.
func enterUserns(*syscall.SysProcAttr) {}
