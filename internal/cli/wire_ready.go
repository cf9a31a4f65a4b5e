package cli

import (
	"context"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/ops"
)

// The parts that /readyz tells of beside the roles.
const (
	partDatabase = "database"
	partFiles    = "files"
	partLog      = "log"
)

var parts = []string{partDatabase, partFiles, partLog}

const (
	// checkEvery is how often the parts are asked whether they answer.
	checkEvery = 5 * time.Second
	// checkTimeout is how long each may take.
	checkTimeout = 3 * time.Second
)

// watchParts keeps readiness true until ctx ends: a part that stops answering is
// named, and forgotten when it answers again.
func (p *process) watchParts(ctx context.Context) error {
	checks := map[string]func(context.Context) error{
		partDatabase: func(ctx context.Context) error {
			_, _, err := p.store.OldestUnfinished(ctx)
			return err
		},
		partFiles: p.files.Ping,
		partLog: func(ctx context.Context) error {
			_, _, err := p.events.client.Offsets(ctx, bulk.TopicUpdates, 0)
			return err
		},
	}
	t := time.NewTicker(checkEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		for _, name := range parts {
			p.check(ctx, p.ready.Part(name), name, checks[name])
		}
	}
}

func (p *process) check(ctx context.Context, part *ops.Part, name string, ask func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := ask(ctx); err != nil {
		part.NotReady("not answering")
		p.log.Warn("a part does not answer", "part", name, "err", err)
		return
	}
	part.Ready()
}
