package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	firstPoll = 100 * time.Millisecond
	maxPoll   = 2 * time.Second
)

// uploadStatus is as much of an upload resource as the commands show.
type uploadStatus struct {
	UploadID   string     `json:"uploadId"`
	State      string     `json:"state"`
	Kind       string     `json:"kind"`
	CompanyID  string     `json:"companyId"`
	FileName   string     `json:"fileName"`
	Owner      string     `json:"owner"` // of the job at hand; empty when none runs
	AcceptedAt time.Time  `json:"acceptedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	Counters   struct {
		Total       int64 `json:"total"`
		Applied     int64 `json:"applied"`
		Unchanged   int64 `json:"unchanged"`
		Failed      int64 `json:"failed"`
		Unprocessed int64 `json:"unprocessed"`
	} `json:"counters"`
}

func (u uploadStatus) counted() int64 {
	return u.Counters.Applied + u.Counters.Unchanged + u.Counters.Failed + u.Counters.Unprocessed
}

// follow asks for the status until the response is there and returns its bytes.
func (c *client) follow(ctx context.Context, accepted *answer, stderr io.Writer) (json.RawMessage, error) {
	location := accepted.header.Get("Location")
	if location == "" {
		return nil, errors.New("server accepted the file but gave no Location")
	}
	address, err := c.resolve(location)
	if err != nil {
		return nil, err
	}
	var applying *progress
	for pause := firstPoll; ; pause = min(pause*3/2, maxPoll) {
		a, err := c.get(ctx, address)
		if err != nil {
			return nil, err
		}
		var status struct {
			Upload   uploadStatus    `json:"upload"`
			Response json.RawMessage `json:"response"`
		}
		if err := json.Unmarshal(a.payload, &status); err != nil {
			return nil, fmt.Errorf("read the status: %w", err)
		}
		if applying == nil {
			applying = newProgress(stderr, "applying", "row", status.Upload.Counters.Total)
			defer applying.stop()
		}
		applying.set(status.Upload.counted())
		if len(status.Response) > 0 && string(status.Response) != "null" {
			applying.finish()
			return status.Response, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// save downloads a result file. Its signed address works for a day only, and an
// upload may be replayed later: then the bare address is asked, which has the
// access of the upload itself.
func (c *client) save(ctx context.Context, reference, path string) error {
	address, err := c.resolve(reference)
	if err != nil {
		return err
	}
	err = c.download(ctx, address, path)
	bare, _, isSigned := strings.Cut(address, "?")
	var refused *refusal
	if isSigned && errors.As(err, &refused) && c.download(ctx, bare, path) == nil {
		return nil
	}
	return err
}

// download replaces the file at path by a whole one or not at all.
func (c *client) download(ctx context.Context, address, path string) error {
	_, err := retry(ctx, c, func() (struct{}, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		response, err := c.do(request, true)
		if err != nil {
			return struct{}{}, err
		}
		defer response.Body.Close() //nolint:errcheck // read to its end or given up
		if response.StatusCode == http.StatusOK {
			return struct{}{}, writeWhole(path, response.Body)
		}
		if _, err := readAnswer(response); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, backoff.Permanent(fmt.Errorf("unexpected answer %s", response.Status))
	})
	return err
}

// writeWhole writes beside path and renames. Only reading from the network is
// worth another attempt.
func writeWhole(path string, content io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return backoff.Permanent(err)
	}
	_, err = io.Copy(f, content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
