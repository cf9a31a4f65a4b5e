package server

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are drawn below the range from which the kernel gives ports to
// outgoing connections, so that none of these can take one between the
// draw and the server's own bind.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePorts draws n different loopback ports nobody listens on. Another
// process may still be faster: whoever uses them tries again with new ones.
func freePorts(n int) ([]int, error) {
	held := make([]net.Listener, 0, n)
	defer func() {
		for _, l := range held {
			_ = l.Close() // only held to keep the draw different
		}
	}()
	ports := make([]int, 0, n)
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // not a secret
		l, err := net.Listen("tcp4", loopback(port))      //nolint:noctx // returns at once
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("no %d free loopback ports between %d and %d", n, firstPort, lastPort)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
