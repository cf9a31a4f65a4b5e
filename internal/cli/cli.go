// Package cli holds the commands of the sluice binary, one file each, and the
// wiring of roles to adapters in the wire_*.go files: the only place where the
// two meet.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sluice/internal/config"
)

// Exit codes of every command.
const (
	exitOK     = 0
	exitFailed = 1 // it ran and not all went well
	exitUsage  = 2 // refused: by the command line, the configuration or the server
)

// ExitError carries the exit code of a command. Err is nil if everything to be
// said has been printed.
type ExitError struct {
	Code int
	Err  error
}

// Error returns the cause's text.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode returns the code that the process should leave with after Run
// returned err.
func ExitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	return exitFailed
}

// Run runs the command that args name. What it has to say about its error is on
// stderr when it returns; the error is for the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var exit *ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Err != nil) {
		_, _ = fmt.Fprintf(stderr, "sluice: %v\n", err)
	}
	return err
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "sluice",
		Short:         "Bulk customer updates over HTTP, answered row by row",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("unknown command %q; see sluice --help", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	root.AddCommand(
		newServe(), newUpload(), newUploads(), newTail(), newMigrate(),
		newConfig(), newVersion(), newProbe(),
	)
	return root
}

func usageError(err error) error { return &ExitError{Code: exitUsage, Err: err} }

// exactly is cobra.ExactArgs with our exit code and the usage line.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError(fmt.Errorf("usage: %s", cmd.UseLine()))
		}
		return nil
	}
}

// loadConfig merges defaults, file, environment and the command's flags.
func loadConfig(cmd *cobra.Command) (config.Loaded, error) {
	loaded, err := config.Load(config.Sources{Flags: cmd.Flags(), Environ: os.Environ()})
	if err != nil {
		return loaded, usageError(err)
	}
	return loaded, nil
}
