package e2e_test

import "syscall"

// dieWithParent ends a child when the test binary dies, however it dies.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
