package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"sluice/internal/config"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the roles: all in one process on embedded parts, or some on shared servers",
		Long: `Run the roles: all in one process on embedded parts, or some on shared servers.

Every flag is also an environment variable (--kafka-listen: SLUICE_KAFKA_LISTEN)
and a key of the YAML file (kafka-listen). Flags win over the environment, the
environment over the file. Once ready, the first line on stdout is a JSON object
with the addresses in use.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			err = serve(cmd.Context(), loaded.Config, cmd.OutOrStdout(), cmd.ErrOrStderr())
			return ignoreStop(cmd.Context(), err)
		},
	}
	config.BindFlags(cmd.Flags())
	return cmd
}

// ignoreStop forgets an error that only says that the process was asked to end.
func ignoreStop(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
