package history_test

import (
	"context"
	"io"

	"sluice/internal/bulk"
)

// processFiles is the file store as a process reaches it.
type processFiles struct{ p *process }

func (p *process) files() bulk.Files { return processFiles{p} }

func (f processFiles) Create(ctx context.Context, name string) (w bulk.FileWriter, err error) {
	err = f.p.around(ctx, "create", func() (err error) {
		w, err = f.p.w.files.Create(ctx, name)
		return err
	})
	if err != nil {
		if w != nil { // lost with the answer; a folder forgets it with the process
			_ = w.Abort()
		}
		return nil, err
	}
	return processFile{f.p, w}, nil
}

func (f processFiles) Open(ctx context.Context, name string, offset int64) (r io.ReadCloser, err error) {
	err = f.p.around(ctx, "open", func() (err error) {
		r, err = f.p.w.files.Open(ctx, name, offset)
		return err
	})
	return r, err
}

func (f processFiles) Size(ctx context.Context, name string) (n int64, err error) {
	err = f.p.around(ctx, "size", func() (err error) {
		n, err = f.p.w.files.Size(ctx, name)
		return err
	})
	return n, err
}

func (f processFiles) Delete(ctx context.Context, name string) error {
	return f.p.around(ctx, "delete", func() error { return f.p.w.files.Delete(ctx, name) })
}

type processFile struct {
	p *process
	bulk.FileWriter
}

func (w processFile) Commit() error {
	return w.p.around(w.p.ctx, "commit-file", w.FileWriter.Commit)
}
