package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/internal/config"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the configuration",
		Args:  exactly(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var isShown bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report every mistake of file, environment and flags at once; exit 2 if there is one",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			loaded, err := loadConfig(cmd)
			var mistakes config.Mistakes
			if errors.As(err, &mistakes) {
				for _, m := range mistakes {
					if _, err := fmt.Fprintln(out, m); err != nil {
						return err
					}
				}
				return &ExitError{Code: exitUsage}
			}
			if err != nil {
				return err
			}
			if isShown {
				if err := loaded.Show(out); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintln(out, "configuration is valid")
			return err
		},
	}
	config.BindFlags(cmd.Flags())
	cmd.Flags().BoolVar(&isShown, "show", false, "print the values in effect and where they come from, secrets masked")
	return cmd
}
