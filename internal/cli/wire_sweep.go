package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"sluice/internal/bulk"
)

const (
	sweepEvery = time.Hour
	// orphanAge is how old a spool file of nobody must be before it is removed:
	// another process may be about to accept it, which takes milliseconds.
	orphanAge = time.Hour
)

// sweepSpool removes, now and then, spool files that belong to no upload: their
// process was killed between storing the file and accepting it.
func (p *process) sweepSpool(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := p.removeOrphans(ctx, orphanAge); err != nil && ctx.Err() == nil {
			p.log.Warn("cannot sweep the spool", "err", err)
		}
	}
}

// firstOrphanAge is the age at a start: before it serves, nobody takes files in
// beside a process that has its data folder for itself.
func (p *process) firstOrphanAge() time.Duration {
	if p.cfg.Files == "" {
		return 0
	}
	return orphanAge
}

func (p *process) removeOrphans(ctx context.Context, age time.Duration) error {
	objects, err := p.files.List(ctx, path.Dir(bulk.SpoolName("any"))+"/")
	if err != nil {
		return err
	}
	for _, o := range objects {
		if time.Since(o.Modified) < age {
			continue
		}
		_, err := p.store.Upload(ctx, strings.TrimSuffix(path.Base(o.Name), path.Ext(o.Name)))
		if err == nil {
			continue // its finishing removes it
		}
		if !errors.Is(err, bulk.ErrNotFound) {
			return fmt.Errorf("looking up the upload of %s: %w", o.Name, err)
		}
		if err := p.files.Delete(ctx, o.Name); err != nil {
			return err
		}
		p.log.Info("removed a spool file of no upload", "name", o.Name)
	}
	return nil
}
