package main

import (
	"context"
	"fmt"
	"os"
)

// small measures the uploads that people wait for.
func (p *product) small(ctx context.Context) error {
	const uploads, rows = 100, 100
	p.say("%s: %d uploads of %d rows", p.name, uploads, rows)
	named := order(p.customers, rows, roundSmall)
	var took durations
	for n := range uploads {
		path := p.path("small.csv")
		if _, err := writeUpdate(path, named, roundSmall+2+n); err != nil {
			return err
		}
		d, err := p.upload(ctx, update, path, rows)
		if err != nil {
			return fmt.Errorf("small upload: %w", err)
		}
		took = append(took, d)
	}
	p.report.latency(fmt.Sprintf("%s, %d-row upload, p50 / p99", p.name, rows), took, p.servers != nil)
	return p.besideLarge(ctx)
}

// besideLarge measures a 10-row upload while a large one runs.
func (p *product) besideLarge(ctx context.Context) error {
	const rows = 10
	large := p.path("large.csv")
	count := min(p.rows, 200_000)
	p.say("%s: %d-row uploads beside one of %d rows", p.name, rows, count)
	if _, err := writeUpdate(large, order(p.customers, count, roundLarge), roundLarge); err != nil {
		return err
	}
	location, _, err := p.send(ctx, update, large, "respond-async")
	if err != nil {
		return fmt.Errorf("large upload: %w", err)
	}
	var took durations
	for n := 0; ; n++ {
		final, err := p.status(ctx, location)
		if err != nil {
			return err
		}
		if final != nil {
			break
		}
		path := p.path("ten.csv")
		if _, err := writeUpdate(path, order(p.customers, rows, 1000+n), 1000+n); err != nil {
			return err
		}
		d, err := p.upload(ctx, update, path, rows)
		if err != nil {
			return fmt.Errorf("10-row upload beside a large one: %w", err)
		}
		took = append(took, d)
	}
	p.report.beside(fmt.Sprintf("%s, 10-row upload beside a large one, worst of %d", p.name, len(took)), took)
	return os.Remove(large)
}
