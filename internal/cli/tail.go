package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"sluice/internal/config"
)

// tailOptions says which events to print.
type tailOptions struct {
	topic     string
	fromStart bool
	count     int // stop after so many; 0: go on until interrupted
}

func newTail() *cobra.Command {
	var options tailOptions
	cmd := &cobra.Command{
		Use:   "tail TOPIC",
		Short: "Print the events of a topic as JSON lines",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.topic = args[0]
			if options.count < 0 {
				return usageError(errors.New("--count is negative"))
			}
			loaded, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			err = tail(cmd.Context(), loaded.Config, options, cmd.OutOrStdout(), cmd.ErrOrStderr())
			return ignoreStop(cmd.Context(), err)
		},
	}
	cmd.Flags().BoolVar(&options.fromStart, "from-start", false, "begin at the oldest event kept; otherwise at the next")
	cmd.Flags().IntVar(&options.count, "count", 0, "stop after so many events; 0: when interrupted")
	config.BindFlags(cmd.Flags(), "kafka", "kafka-listen", "log-format", "log-level")
	return cmd
}
