package cli

import (
	"github.com/spf13/cobra"

	"sluice/internal/config"
)

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Create or update tables and topics; safe to repeat, and serve does it too",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			err = migrate(cmd.Context(), loaded.Config, cmd.OutOrStdout(), cmd.ErrOrStderr())
			return ignoreStop(cmd.Context(), err)
		},
	}
	config.BindFlags(cmd.Flags(), "data", "kafka", "partitions", "database", "analytics", "registry", "log-format", "log-level")
	return cmd
}
