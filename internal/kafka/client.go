package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Options configures a Client. Only Brokers is required.
type Options struct {
	Brokers        []string              // host:port of some brokers; the others are found through them
	ClientID       string                // what the brokers call this client; default "sluice"
	Logger         *slog.Logger          // default: nothing is logged
	Registerer     prometheus.Registerer // where metrics are registered; nil: nowhere
	Compression    Codec                 // of produced batches; default DefaultCodec
	MaxBatchBytes  int                   // of a batch before compression; default 900 KiB, under Apache Kafka's 1 MiB
	RequestTimeout time.Duration         // of one attempt of one request; default 10 s
	SessionTimeout time.Duration         // after which a silent group member is given up; default 6 s
}

func (o *Options) setDefaults() error {
	if len(o.Brokers) == 0 {
		return errors.New("kafka: no brokers given")
	}
	if o.ClientID == "" {
		o.ClientID = "sluice"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Compression == "" {
		o.Compression = DefaultCodec
	}
	if _, err := o.Compression.attribute(); err != nil {
		return err
	}
	if o.MaxBatchBytes <= 0 {
		o.MaxBatchBytes = 900 << 10
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 10 * time.Second
	}
	if o.SessionTimeout <= 0 {
		o.SessionTimeout = 6 * time.Second
	}
	return nil
}

// Client is one process's access to a cluster. It is safe for concurrent use.
type Client struct {
	opts      Options
	log       *slog.Logger
	dialer    *dialer
	transport *kafkago.Transport
	bootstrap net.Addr
	cluster   *cluster
	codecs    *codecs
	buffers   bufferPool
	metrics   *metrics
	lastID    atomic.Int32
	closed    atomic.Bool
	now       func() time.Time
}

// NewClient checks the options and returns a client. It does not connect.
func NewClient(o Options) (*Client, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	codecs, err := newCodecs()
	if err != nil {
		return nil, err
	}
	d := newDialer()
	return &Client{
		opts:   o,
		log:    o.Logger,
		dialer: d,
		transport: &kafkago.Transport{
			Dial:     d.dial,
			ClientID: o.ClientID,
			// Requests are routed here, so the transport's own view of the cluster is
			// not used: it asks for no topic. A broker's first answer opens the way to
			// it, so an unanswered question must not stand for long.
			MetadataTTL:    10 * time.Second,
			MetadataTopics: []string{},
		},
		bootstrap: kafkago.TCP(o.Brokers...),
		cluster:   newCluster(),
		codecs:    codecs,
		metrics:   newMetrics(o.Registerer),
		now:       time.Now,
	}, nil
}

// Close ends all connections; calls under way fail. It may be repeated.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.transport.CloseIdleConnections()
	c.dialer.close()
	return nil
}

// exchange sends one request of the protocol and reads its answer. Going through
// the transport as a raw exchange keeps the transport from rerouting, splitting or
// answering requests from its cache.
type exchange struct {
	request  protocol.Message
	clientID string
	id       int32
	version  int16
}

func (e *exchange) ApiKey() protocol.ApiKey { return e.request.ApiKey() } //nolint:revive // the name is of the client's interface

func (e *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	e.version = versions[e.request.ApiKey()]
	return true
}

func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if err := protocol.WriteRequest(rw, e.version, e.id, e.clientID, e.request); err != nil {
		return nil, err
	}
	id, res, err := protocol.ReadResponse(rw, e.request.ApiKey(), e.version)
	if err != nil {
		return nil, err
	}
	if id != e.id {
		return nil, fmt.Errorf("answer %d to request %d", id, e.id)
	}
	return answer{res}, nil
}

// answer hides the type of a response from the transport, which would act on it.
type answer struct{ protocol.Message }

// ask sends req to the broker at addr and returns its answer. It tries once.
func (c *Client) ask(ctx context.Context, addr net.Addr, req protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
	defer cancel()
	res, err := c.roundTrip(ctx, addr, &exchange{request: req, clientID: c.opts.ClientID, id: c.lastID.Add(1)})
	if err != nil {
		return nil, err
	}
	a, ok := res.(answer)
	if !ok {
		return nil, fmt.Errorf("unexpected answer of type %T", res)
	}
	return a.Message, nil
}

func (c *Client) roundTrip(ctx context.Context, addr net.Addr, req protocol.Message) (protocol.Message, error) {
	if c.closed.Load() {
		return nil, ErrClosed
	}
	return c.transport.RoundTrip(ctx, addr, req)
}
