//go:build servers

package postgres_test

import (
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and the server. While it is cut, what comes in
// one direction is swallowed: the other side waits, as behind a frozen process
// or a broken network.
type proxy struct {
	address string
	mu      sync.Mutex
	request func([]byte) []byte // what of a piece goes on to the server; nil: all
	answer  func([]byte) []byte // the same towards the client
}

// throughProxy returns a proxy and the address of the database behind it.
func throughProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: u.Host}
	var wg sync.WaitGroup
	wg.Go(func() { p.accept(t, listener, &wg) })
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	u.Host = listener.Addr().String()
	return p, u.String()
}

func (p *proxy) accept(t *testing.T, listener net.Listener, wg *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("accept: %v", err)
			}
			return
		}
		server, err := net.Dial("tcp", p.address) //nolint:noctx // ends with its client
		if err != nil {
			t.Errorf("dial: %v", err)
			_ = client.Close()
			continue
		}
		wg.Go(func() { p.pass(client, server, func() func([]byte) []byte { return p.request }) })
		wg.Go(func() { p.pass(server, client, func() func([]byte) []byte { return p.answer }) })
	}
}

// pass moves bytes from one side to the other until either closes.
func (p *proxy) pass(from, to net.Conn, filter func() func([]byte) []byte) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		piece := buf[:n]
		p.mu.Lock()
		if f := filter(); f != nil {
			piece = f(piece)
		}
		p.mu.Unlock()
		if len(piece) > 0 {
			if _, err := to.Write(piece); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// set changes what goes on in each direction.
func (p *proxy) set(request, answer func([]byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request, p.answer = request, answer
}

func swallow([]byte) []byte { return nil }
