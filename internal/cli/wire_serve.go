package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"sluice/internal/broker"
	"sluice/internal/bulk"
	"sluice/internal/config"
	"sluice/internal/event"
	"sluice/internal/ops"
	"sluice/internal/registry"
	"sluice/producer/api"
	"sluice/schemas"
)

// process is what the roles of one process share.
type process struct {
	cfg     config.Config
	log     *slog.Logger
	reg     *prometheus.Registry
	ready   *ops.Readiness
	owner   string // names this process in leases
	events  *eventLog
	store   store
	files   *files
	codec   *event.Codec
	signer  *bulk.FileSigner
	signals signals
	hooks   hooks
	dir     string // temporary files
	calls   switched
}

// signals wake the loops of this process; other processes' loops poll.
type signals struct {
	split, finish, republish bulk.Signal
}

// fileLife is how long a signed address of a result file works.
const fileLife = 24 * time.Hour

// serve runs the configured roles until ctx ends, then drains them.
func serve(ctx context.Context, cfg config.Config, stdout, stderr io.Writer) error {
	limitHeap()
	log, err := ops.NewLogger(stderr, cfg.LogFormat, cfg.LogLevel)
	if err != nil {
		return err
	}
	lock, err := lockData(cfg)
	if err != nil {
		return usageError(err)
	}
	defer lock.release()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.HTTP)
	if err != nil {
		return fmt.Errorf("listening for HTTP: %w", err)
	}
	p := &process{
		cfg: cfg, log: log, reg: prometheus.NewRegistry(), ready: ops.NewReadiness(), owner: processName(),
		signals: signals{split: bulk.NewSignal(), finish: bulk.NewSignal(), republish: bulk.NewSignal()},
		dir:     lock.tempDir,
	}
	p.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	b, err := openBroker(ctx, cfg, filepath.Join(cfg.Data, "broker"), log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return p.run(ctx, b, listener, stdout)
}

// run keeps the broker up until everything that needs it has drained.
func (p *process) run(ctx context.Context, b *broker.Broker, listener net.Listener, stdout io.Writer) error {
	if b == nil {
		return p.work(ctx, nil, listener, stdout)
	}
	brokerCtx, stopBroker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBroker()
	workCtx, stopWork := context.WithCancel(ctx)
	defer stopWork()
	var g errgroup.Group
	g.Go(func() error {
		defer stopWork() // a log that cannot be written ends the process
		return b.Run(brokerCtx)
	})
	g.Go(func() error {
		defer stopBroker()
		return p.work(workCtx, b, listener, stdout)
	})
	return g.Wait()
}

// work opens what the roles stand on, runs them, and closes it again. HTTP answers
// from the first moment, so that /readyz can say what is missing.
func (p *process) work(ctx context.Context, b *broker.Broker, listener net.Listener, stdout io.Writer) (err error) {
	closers := &closers{}
	defer func() { err = errors.Join(err, closers.close()) }()
	g, ctx := errgroup.WithContext(ctx)
	mux := http.NewServeMux()
	ops.Handle(mux, p.ready, p.reg)
	mux.Handle("GET /subjects", registryHandler())
	mux.Handle("GET /subjects/", registryHandler())
	mux.Handle("GET /schemas/", registryHandler())
	if p.cfg.Runs(config.RoleProducer) {
		p.calls.open(api.Starting(ops.RequestID, p.log))
		mux.Handle("/api/v0/", &p.calls)
		mux.Handle("GET /openapi.json", &p.calls)
	}
	for _, part := range parts {
		p.ready.Part(part)
	}
	for _, role := range []string{config.RoleProducer, config.RoleApply, config.RoleAggregate} {
		if p.cfg.Runs(role) {
			p.ready.Part(role)
		}
	}
	g.Go(func() error {
		// No access control is built yet: the server is open and protects itself.
		guarded := api.OpenMode(ops.StallTimeout(stallTimeout, mux), p.cfg.PublicURL, ops.RequestID, p.log)
		return ops.Serve(ctx, listener, ops.RequestIDs(guarded), ops.Timeouts{Shutdown: p.cfg.ShutdownTimeout}, p.log)
	})
	g.Go(func() error {
		<-ctx.Done()
		p.ready.Drain()
		return nil
	})
	// What fails here ends the group, and with it the server.
	g.Go(func() error {
		if err := p.open(ctx, b, closers); err != nil {
			return err
		}
		if err := p.wireRoles(ctx, g); err != nil {
			return err
		}
		g.Go(func() error { return p.watchParts(ctx) })
		return p.announce(ctx, listener, stdout)
	})
	return ignoreStop(ctx, g.Wait())
}

// wireRoles starts the configured roles.
func (p *process) wireRoles(ctx context.Context, g *errgroup.Group) error {
	for _, role := range []struct {
		name string
		wire func(context.Context, *errgroup.Group) error
	}{
		{config.RoleProducer, p.wireProducer},
		{config.RoleApply, p.wireApply},
		{config.RoleAggregate, p.wireAggregate},
		{config.RoleAnalytics, p.wireAnalytics},
	} {
		if !p.cfg.Runs(role.name) {
			continue
		}
		if err := role.wire(ctx, g); err != nil {
			return fmt.Errorf("role %s: %w", role.name, err)
		}
	}
	return nil
}

// stallTimeout ends a request whose body brings nothing for so long.
const stallTimeout = 60 * time.Second

// open connects log, store and files.
func (p *process) open(ctx context.Context, b *broker.Broker, c *closers) error {
	var err error
	if p.codec, err = openCodec(ctx, p.cfg); err != nil {
		return err
	}
	if p.store, err = openStore(ctx, p.cfg, p.codec, p.log); err != nil {
		return err
	}
	c.add(p.store.Close)
	p.ready.Part(partDatabase).Ready()
	if p.files, err = openFiles(ctx, p.cfg, c); err != nil {
		return err
	}
	p.ready.Part(partFiles).Ready()
	if p.events, err = connectLog(ctx, p.cfg, b, p.reg, p.log); err != nil {
		return err
	}
	p.ready.Part(partLog).Ready()
	c.add(p.events.client.Close)
	p.signer, err = openSigner(ctx, p.cfg, p.store)
	return err
}

// openCodec uses the embedded registry's schema ids, or those that an external
// registry gives.
func openCodec(ctx context.Context, cfg config.Config) (*event.Codec, error) {
	if cfg.Registry == "" {
		return event.NewCodec(event.DefaultIDs()), nil
	}
	client := &registry.Client{URL: cfg.Registry}
	ids := map[int]int{}
	for _, s := range schemas.All() {
		id, err := client.Register(ctx, s.Subject, s.Text)
		if err != nil {
			return nil, fmt.Errorf("registering the schema of %s: %w", s.Subject, err)
		}
		ids[s.ID] = id
	}
	return event.NewCodec(event.IDs{
		CustomerUpdate: ids[schemas.IDCustomerUpdate], BulkResult: ids[schemas.IDBulkResult],
		CustomerChange: ids[schemas.IDCustomerChange], BulkResponse: ids[schemas.IDBulkResponse],
	}), nil
}

func registryHandler() http.Handler {
	var list []registry.Schema
	for _, s := range schemas.All() {
		list = append(list, registry.Schema(s))
	}
	return registry.NewHandler(list)
}

// announce prints the addresses once every part is ready: the first line on stdout.
func (p *process) announce(ctx context.Context, listener net.Listener, stdout io.Writer) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		if ok, _ := p.ready.Status(); ok {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
	line := struct {
		HTTP  string `json:"http"`
		Kafka string `json:"kafka,omitempty"`
	}{HTTP: listener.Addr().String(), Kafka: p.events.address}
	if err := json.NewEncoder(stdout).Encode(line); err != nil {
		return fmt.Errorf("printing the addresses: %w", err)
	}
	p.log.Info("serving", "http", line.HTTP, "roles", p.cfg.Role)
	return nil
}

// closers are closed in the reverse order.
type closers struct{ list []func() error }

func (c *closers) add(f func() error) { c.list = append(c.list, f) }

func (c *closers) close() error {
	var err error
	for i := len(c.list) - 1; i >= 0; i-- {
		err = errors.Join(err, c.list[i]())
	}
	return err
}

// processName is unique to this process, so that a restarted one never takes its
// predecessor's leases for its own.
func processName() string { return uuid.NewString() }
