package history_test

import (
	"bytes"
	"context"
	"errors"
	"time"

	"sluice/internal/bulk"
)

// patience is how long, on virtual time, anything may take.
const patience = 15 * time.Minute

func (u *plannedUpload) request() bulk.IntakeRequest {
	return bulk.IntakeRequest{Kind: u.kind, Company: u.company, Options: u.options, FileName: u.key + ".csv", IdempotencyKey: u.key}
}

// send brings a file in, as a caller does that tries again until it is accepted.
func (w *world) send(ctx context.Context, u *plannedUpload) {
	accepted, _, err := w.call(ctx, u.request(), u.file)
	if err != nil {
		w.fail("%s was not accepted: %w", u.key, err)
		return
	}
	u.id = accepted.ID
	if w.dice.Chance(0.2) {
		again, isNew, err := w.call(ctx, u.request(), u.file)
		if err != nil || isNew || again.ID != u.id {
			w.fail("I8: the same call under %s gave upload %v, new %v, error %v", u.key, again, isNew, err)
		}
	}
	if w.dice.Chance(0.2) {
		_, _, err := w.call(ctx, u.request(), append(bytes.Clone(u.file), "KC00000000000000,,\n"...))
		var refusal *bulk.Refusal
		if !errors.As(err, &refusal) || refusal.Reason != bulk.RefusedKey {
			w.fail("I8: other bytes under %s gave %v", u.key, err)
		}
	}
}

// call makes one call, again and again while the service fails.
func (w *world) call(ctx context.Context, r bulk.IntakeRequest, file []byte) (u *bulk.Upload, isNew bool, err error) {
	end := time.Now().Add(patience)
	for time.Now().Before(end) && ctx.Err() == nil {
		u, isNew, err = w.callOnce(ctx, r, file)
		var refusal *bulk.Refusal
		if err == nil || errors.As(err, &refusal) {
			return u, isNew, err
		}
		rest(ctx, 200*time.Millisecond)
	}
	return nil, false, err
}

func (w *world) callOnce(ctx context.Context, r bulk.IntakeRequest, file []byte) (*bulk.Upload, bool, error) {
	p := w.alive()
	if p == nil {
		return nil, false, errDead
	}
	staged, err := p.intake(w.t.TempDir()).Stage(ctx, r, bytes.NewReader(file))
	if err != nil {
		return nil, false, err
	}
	u, isNew, err := staged.Accept(ctx)
	if err != nil {
		staged.Discard(ctx)
	}
	return u, isNew, err
}

// await returns when an upload has its final response (I1).
func (w *world) await(ctx context.Context, u *plannedUpload) {
	end := time.Now().Add(patience)
	for time.Now().Before(end) && ctx.Err() == nil {
		_, err := w.store.Response(ctx, u.id)
		if err == nil {
			return
		}
		if !errors.Is(err, bulk.ErrNotFound) {
			w.fail("reading the response of %s: %w", u.key, err)
			return
		}
		rest(ctx, 250*time.Millisecond)
	}
	w.fail("I1: %s (%s) has no response after %s", u.key, u.id, patience)
}
