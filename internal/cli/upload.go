package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
)

const (
	defaultURL     = "http://127.0.0.1:8080"
	defaultRetries = 8
	// firstWait is how long a call may wait for its final response before the
	// progress of applying is worth showing.
	firstWait = "wait=1"
)

// uploadOptions are the flags of `sluice upload`.
type uploadOptions struct {
	path           string
	url            string
	company        string
	failures       string
	idempotencyKey string
	isCreate       bool
	isWaiting      bool
	isJSON         bool
	retries        uint
}

func newUpload() *cobra.Command {
	var o uploadOptions
	cmd := &cobra.Command{
		Use:   "upload FILE --company CEK…",
		Short: "Send a file and say what became of its rows",
		Long: `Send a file and say what became of its rows.

Exit code: 0 when every row succeeded (without --wait: when the file was
accepted), 1 when some rows did not, 2 when the file was refused or the server
could not be reached. Attempts that time out or meet an overloaded server are
repeated under the same Idempotency-Key, so nothing is applied twice.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.path = args[0]
			err := upload(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
			var exit *ExitError
			if err != nil && !errors.As(err, &exit) {
				return &ExitError{Code: exitUsage, Err: err}
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.url, "url", defaultURL, "the server")
	flags.StringVar(&o.company, "company", "", "company whose customers these are (CEK…)")
	flags.BoolVar(&o.isCreate, "create", false, "create the customers instead of updating them")
	flags.BoolVar(&o.isWaiting, "wait", true, "wait for the final response; --wait=false leaves once the file is accepted")
	flags.BoolVar(&o.isJSON, "json", false, "print the response as JSON, exactly as received")
	flags.StringVar(&o.failures, "failures", "", "save the failure file here")
	flags.StringVar(&o.idempotencyKey, "idempotency-key", "", "same key, call and file: same upload (default: a new one)")
	flags.UintVar(&o.retries, "retries", defaultRetries, "attempts after one that failed for the moment")
	return cmd
}

// upload sends the file, follows the upload and prints the outcome.
func upload(ctx context.Context, o uploadOptions, stdout, stderr io.Writer) error {
	if o.company == "" {
		return errors.New("--company is missing")
	}
	c, release, err := newClient(o.url, o.retries, func(cause error, pause time.Duration) {
		_, _ = fmt.Fprintf(stderr, "%s; trying again in %s\n", firstLine(cause), pause.Round(time.Millisecond))
	})
	if err != nil {
		return err
	}
	defer release()
	accepted, err := c.sendFile(ctx, o, stderr)
	if err != nil {
		return err
	}
	payload := accepted.payload
	if accepted.status == http.StatusAccepted {
		if !o.isWaiting {
			return printAccepted(c, accepted, o.isJSON, stdout, stderr)
		}
		payload, err = c.follow(ctx, accepted, stderr)
		if err != nil {
			return interrupted(ctx, accepted, err)
		}
	}
	return c.conclude(ctx, o, payload, stdout, stderr)
}

// sendFile makes the call, under one Idempotency-Key for all attempts.
func (c *client) sendFile(ctx context.Context, o uploadOptions, stderr io.Writer) (*answer, error) {
	form, err := newFileForm(o.path)
	if err != nil {
		return nil, err
	}
	sending := newProgress(stderr, "sending "+printable(filepath.Base(o.path)), "B", form.fileBytes)
	defer sending.stop()
	form.onSent = sending.set

	header := http.Header{}
	header.Set("Idempotency-Key", o.idempotencyKey)
	if o.idempotencyKey == "" {
		header.Set("Idempotency-Key", "cli-"+uuid.NewString())
	}
	header.Set("Prefer", firstWait)
	if !o.isWaiting {
		header.Set("Prefer", "respond-async")
	}
	path, query := uploadQuery(o.company, o.isCreate)
	a, err := c.call(ctx, func() (*http.Request, error) {
		return form.request(ctx, c.endpoint(path, query), header)
	}, false)
	if err != nil {
		return nil, err
	}
	sending.finish()
	return a, nil
}

// conclude prints the final response, saves the failures and decides the exit
// code.
func (c *client) conclude(ctx context.Context, o uploadOptions, payload json.RawMessage, stdout, stderr io.Writer) error {
	response, err := decodeResponse(payload)
	if err != nil {
		return err
	}
	if o.isJSON {
		_, err = fmt.Fprintf(stdout, "%s\n", payload)
	} else {
		err = response.print(stdout)
	}
	if err != nil {
		return err
	}
	if o.failures != "" && response.FailureFileURL == nil {
		_, _ = fmt.Fprintln(stderr, "no row failed: no failure file")
	}
	if o.failures != "" && response.FailureFileURL != nil {
		if err := c.save(ctx, *response.FailureFileURL, o.failures); err != nil {
			return fmt.Errorf("save the failure file: %w", err)
		}
		_, _ = fmt.Fprintf(stderr, "failed rows saved to %s\n", o.failures)
	}
	if !response.isAllGood() {
		return &ExitError{Code: exitFailed}
	}
	return nil
}

// printAccepted says where the upload can be followed.
func printAccepted(c *client, accepted *answer, isJSON bool, stdout, stderr io.Writer) error {
	status, err := c.resolve(accepted.header.Get("Location"))
	if err != nil {
		return err
	}
	out := stdout
	if isJSON {
		if _, err := fmt.Fprintf(stdout, "%s\n", accepted.payload); err != nil {
			return err
		}
		out = stderr
	}
	_, err = fmt.Fprintf(out, "accepted as upload %s\nstatus: %s\n", accepted.header.Get("Bulk-Upload-Id"), status)
	return err
}

// interrupted adds to an error of following that the upload itself goes on.
func interrupted(ctx context.Context, accepted *answer, err error) error {
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("%w\nupload %s was accepted and goes on; its status is at %s",
		err, accepted.header.Get("Bulk-Upload-Id"), accepted.header.Get("Location"))
}
