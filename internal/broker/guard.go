package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

const (
	// maxProduceFrame and maxOtherFrame bound the memory one request can claim.
	// Only Produce carries data; a decoded request of another kind can be a
	// hundred times its size on the wire.
	maxProduceFrame = 64 << 20
	maxOtherFrame   = 4 << 20

	frameHead = 12 // size, API key, version, correlation id
)

// listener guards what reaches the cluster, and lets nobody in before admit.
type listener struct {
	net.Listener
	advertised net.Addr
	versions   *kversion.Versions
	inspect    map[kmsg.Key]func(kmsg.Request) bool

	open      chan struct{}
	shut      chan struct{}
	shutOnce  sync.Once
	admitOnce sync.Once
}

// listen binds addr. advertise may be empty.
func listen(ctx context.Context, addr, advertise string) (*listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for kafka clients on %s: %w", addr, err)
	}
	told, err := advertisedAddr(ln.Addr(), advertise)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return &listener{
		Listener:   ln,
		advertised: told,
		versions:   servedVersions(),
		inspect:    inspectors(),
		open:       make(chan struct{}),
		shut:       make(chan struct{}),
	}, nil
}

// advertisedAddr is what metadata tells clients: given, or the bound address,
// or this machine's name where that is a wildcard nobody can connect to.
func advertisedAddr(bound net.Addr, given string) (net.Addr, error) {
	host, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return nil, fmt.Errorf("bound address %s: %w", bound, err)
	}
	if given != "" {
		if host, port, err = net.SplitHostPort(given); err != nil {
			return nil, fmt.Errorf("advertised address %q: %w", given, err)
		}
	} else if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("name to advertise: %w", err)
		}
	}
	return textAddr(net.JoinHostPort(host, port)), nil
}

// listenFn hands the bound listener to the cluster, whatever it asks for.
func (l *listener) listenFn(string, string) (net.Listener, error) { return l, nil }

// Addr is the advertised address: the cluster tells clients what Addr says.
func (l *listener) Addr() net.Addr { return l.advertised }

// admit lets clients in; until then they wait in the kernel's backlog.
func (l *listener) admit() { l.admitOnce.Do(func() { close(l.open) }) }

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.open:
	case <-l.shut:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: c, listener: l}, nil
}

// Close implements net.Listener; closing again is no error.
func (l *listener) Close() error {
	l.shutOnce.Do(func() { close(l.shut) })
	if err := l.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// guardedConn ends the connection at the first frame that is not served: an
// unknown API key would end the process. Frames are passed on as they come, but
// those to inspect are read whole.
type guardedConn struct {
	net.Conn
	listener *listener
	head     [frameHead]byte
	pending  []byte // checked but not yet passed on
	left     int    // bytes of the frame that are not read yet
}

// Read implements net.Conn.
func (c *guardedConn) Read(p []byte) (int, error) {
	if len(c.pending) == 0 && c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	if len(p) > c.left {
		p = p[:c.left]
	}
	n, err := c.Conn.Read(p)
	c.left -= n
	return n, err
}

// next begins a frame.
func (c *guardedConn) next() error {
	if _, err := io.ReadFull(c.Conn, c.head[:]); err != nil {
		return err
	}
	size := int(int32(binary.BigEndian.Uint32(c.head[:])))
	key := kmsg.Key(int16(binary.BigEndian.Uint16(c.head[4:])))
	if !c.serves(key, size) {
		return net.ErrClosed
	}
	c.pending, c.left = c.head[:], size-(frameHead-4)
	inspect := c.listener.inspect[key]
	if inspect == nil {
		return nil
	}
	frame := make([]byte, 4+size)
	copy(frame, c.head[:])
	if _, err := io.ReadFull(c.Conn, frame[frameHead:]); err != nil {
		return err
	}
	if !passes(frame[4:], inspect) {
		return net.ErrClosed
	}
	c.pending, c.left = frame, 0
	return nil
}

// serves judges a frame by its head.
func (c *guardedConn) serves(key kmsg.Key, size int) bool {
	version := int16(binary.BigEndian.Uint16(c.head[6:]))
	limit := maxOtherFrame
	if key == kmsg.Produce {
		limit = maxProduceFrame
	}
	if size < frameHead-4+2 || size > limit { // at least the client id's length follows
		return false
	}
	newest, ok := c.listener.versions.LookupMaxKeyVersion(key.Int16())
	if !ok || version < 0 {
		return false
	}
	// A too new ApiVersions is answered with the versions that are served.
	return version <= newest || key == kmsg.ApiVersions
}

// textAddr is a host:port as a net.Addr.
type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }
