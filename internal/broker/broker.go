// Package broker is the embedded event log: a Kafka-protocol broker in this
// process, with its data on disk, reachable by any Kafka client.
//
// The broker underneath (franz-go's kfake) was written as a test double. It
// keeps what it has acknowledged, but it stands behind fences: a frame guard
// drops requests it cannot survive, a policy holds every topic to retention by
// size within one cap, transactions are refused, and an acknowledgement counts
// as durable only after Barrier. Delivery is at least once: producer state is
// forgotten in a crash.
//
// The package knows bytes, topics and files. It must not know what an event is.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sync/errgroup"
)

// ErrClosed is what Barrier answers after the broker has been closed.
var ErrClosed = errors.New("broker is closed")

// ErrWrite is in what Run and Barrier answer after the log could not be written,
// for one because the disk is full.
var ErrWrite = errors.New("log write failed")

// ErrLocked is what Open answers when another broker uses the directory.
var ErrLocked = errors.New("broker directory is in use by another process")

const (
	// DefaultMaxLogBytes caps all topics together. A restart reads the whole
	// log into memory, so the cap bounds start-up time and memory as well.
	DefaultMaxLogBytes int64 = 512 << 20
	// MaxBatchBytes is the largest record batch accepted, as in Apache Kafka,
	// so that a client meets the same limit on both.
	MaxBatchBytes = 1_048_588

	retentionInterval = 2 * time.Second
)

// Options configure Open. The zero value of a field means its default.
type Options struct {
	// Dir holds the log; it is created if it does not exist. Required.
	Dir string
	// Listen is the address to listen on, default "127.0.0.1:9092"; port 0
	// picks a free one, see Addr.
	Listen string
	// Advertise is the host:port that clients are told to connect to. Default:
	// the address listened on, or this machine's name if that is a wildcard.
	Advertise string
	// ClusterID names a new directory's log. Default: a random one. A directory
	// keeps the one it was created with.
	ClusterID string
	// MaxLogBytes caps the files of all topics together, in bytes. It may be
	// passed by what is written within two seconds. Default DefaultMaxLogBytes.
	MaxLogBytes int64
	// Logger receives lifecycle and trouble. Default: none.
	Logger *slog.Logger

	sync      func() error  // test knob: replaces the sync of the directory
	retention time.Duration // test knob: replaces retentionInterval
}

// Broker is an open embedded broker. Its methods are safe for concurrent use.
type Broker struct {
	cluster   *kfake.Cluster
	clusterID string
	addr      string
	dir       string
	lock      *os.File
	group     *groupSync
	logger    *slog.Logger
	retention time.Duration

	mu     sync.Mutex
	closed bool
	err    error // of the first Close
}

// Open loads the log of o.Dir, starts listening and answers clients. It fails
// with ErrLocked if another broker, in this process or another, uses the
// directory. The caller must call Run or Close.
func Open(ctx context.Context, o Options) (*Broker, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("create broker directory: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.sync == nil {
		o.sync = newChangedSync(o.Dir).sync
	}
	b := &Broker{
		dir:       o.Dir,
		lock:      lock,
		group:     newGroupSync(o.sync),
		logger:    o.Logger,
		retention: o.retention,
	}
	if err := b.start(ctx, o); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.logger.Info("embedded broker ready", "addr", b.addr, "cluster_id", b.clusterID)
	return b, nil
}

// start loads the log and serves it.
func (b *Broker) start(ctx context.Context, o Options) error {
	dir, err := prepareDir(o)
	if err != nil {
		return err
	}
	b.clusterID = dir.clusterID
	ln, err := listen(ctx, o.Listen, o.Advertise)
	if err != nil {
		return err
	}
	b.addr = ln.Listener.Addr().String()
	b.cluster, err = kfake.NewCluster(
		kfake.Ports(0), // one broker; ListenFn decides the address
		kfake.ListenFn(ln.listenFn),
		kfake.ClusterID(dir.clusterID),
		kfake.DataDir(o.Dir),
		kfake.DefaultNumPartitions(1),
		kfake.MaxVersions(servedVersions()),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes":   strconv.Itoa(MaxBatchBytes),
			"log.retention.ms":    "-1",
			"log.retention.bytes": "-1",
		}),
		kfake.WithLogger(&clusterLog{logger: o.Logger, fail: b.group.fail}),
	)
	if err != nil {
		return errors.Join(fmt.Errorf("load log: %w", err), ln.Close())
	}
	newPolicy(b.cluster, o.MaxLogBytes, dir.topics).install()
	// A new cluster id must not be forgotten after something was stored under it.
	if err := b.group.syncNow(); err != nil {
		return err
	}
	ln.admit()
	return nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("broker directory is not set")
	}
	if o.MaxLogBytes < 0 {
		return o, fmt.Errorf("log cap of %d bytes is negative", o.MaxLogBytes)
	}
	if o.MaxLogBytes == 0 {
		o.MaxLogBytes = DefaultMaxLogBytes
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:9092"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.retention == 0 {
		o.retention = retentionInterval
	}
	return o, nil
}

// Addr is the host:port listened on, with the real port.
func (b *Broker) Addr() string { return b.addr }

// ClusterID names this log. Another directory, also an emptied one, has another.
func (b *Broker) ClusterID() string { return b.clusterID }

// Run does the group syncs that Barrier waits for, and the retention, until ctx
// ends; then it closes the broker. It returns an error if a write or a sync of
// the log failed: what was acknowledged since is in doubt, so the process must
// end. Run may be called once.
func (b *Broker) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.group.run(ctx) })
	g.Go(func() error { return b.retain(ctx) })
	err := g.Wait()
	return errors.Join(err, b.Close())
}

// Barrier returns once everything that was acknowledged to any client before
// the call is on stable storage. All that wait at the same time share one sync.
// It needs Run. After a failed write or sync it fails, for good.
func (b *Broker) Barrier(ctx context.Context) error { return b.group.wait(ctx) }

// retain drops the oldest batches of topics that are over their size. The
// cluster's own ticker does not start again after a restart.
func (b *Broker) retain(ctx context.Context) error {
	tick := time.NewTicker(b.retention)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.group.ended:
			return nil
		case <-tick.C:
			b.mu.Lock()
			if !b.closed {
				b.cluster.ApplyRetention()
			}
			b.mu.Unlock()
		}
	}
}

// Close stops listening, saves the state, syncs and frees the directory. It is
// for callers that never call Run, and safe to repeat.
func (b *Broker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.err
	}
	b.closed = true
	if b.cluster != nil {
		b.cluster.Close()
	}
	b.err = b.group.close()
	if b.err != nil {
		// A write that failed was counted as seen, so a client's second attempt
		// would be taken for a duplicate. Forget what producers sent.
		err := os.Remove(filepath.Join(b.dir, "seq_windows.json"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			b.err = errors.Join(b.err, fmt.Errorf("forget producer state: %w", err))
		}
	}
	b.err = errors.Join(b.err, b.lock.Close())
	return b.err
}
