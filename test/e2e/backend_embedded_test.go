//go:build !servers

package e2e_test

// servers are the back ends of the build tag "servers": none here.
type servers struct{}

func (servers) start() (stop func() error, err error) { return func() error { return nil }, nil }

func (servers) backends() []backend { return nil }
