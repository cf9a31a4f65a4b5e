package kafka

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialer opens connections and remembers them, so that closing it ends every
// goroutine of the client that reads from one.
type dialer struct {
	net   net.Dialer
	mu    sync.Mutex
	open  map[*trackedConn]struct{}
	ended bool
}

func newDialer() *dialer {
	return &dialer{net: net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}, open: map[*trackedConn]struct{}{}}
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t := &trackedConn{Conn: conn, owner: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		_ = conn.Close()
		return nil, ErrClosed
	}
	d.open[t] = struct{}{}
	return t, nil
}

// close ends all connections and refuses new ones.
func (d *dialer) close() {
	d.mu.Lock()
	d.ended = true
	open := d.open
	d.open = nil
	d.mu.Unlock()
	for t := range open {
		_ = t.Conn.Close()
	}
}

type trackedConn struct {
	net.Conn
	owner *dialer
}

func (t *trackedConn) Close() error {
	t.owner.mu.Lock()
	delete(t.owner.open, t)
	t.owner.mu.Unlock()
	return t.Conn.Close()
}
