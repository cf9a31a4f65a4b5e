package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newUploads() *cobra.Command {
	var address, company string
	var limit int
	cmd := &cobra.Command{
		Use:   "uploads",
		Short: "List recent uploads with their state, age and owner",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usageError(errors.New("--limit is not positive"))
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if company != "" {
				query.Set("parentCompanyId", company)
			}
			if err := uploads(cmd.Context(), address, query, cmd.OutOrStdout()); err != nil {
				return &ExitError{Code: exitUsage, Err: err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&address, "url", defaultURL, "the server")
	cmd.Flags().StringVar(&company, "company", "", "only those of this company (CEK…)")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many")
	return cmd
}

func uploads(ctx context.Context, address string, query url.Values, stdout io.Writer) error {
	c, release, err := newClient(address, 0, nil)
	if err != nil {
		return err
	}
	defer release()
	a, err := c.get(ctx, c.endpoint(apiPath+"/uploads", query))
	if err != nil {
		return err
	}
	var list struct {
		Uploads []uploadStatus `json:"uploads"`
	}
	if err := json.Unmarshal(a.payload, &list); err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "UPLOAD\tSTATE\tAGE\tKIND\tCOMPANY\tROWS\tDONE\tFAILED\tOWNER\tFILE")
	for _, u := range list.Uploads {
		owner := u.Owner
		if owner == "" {
			owner = "-"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", printable(u.UploadID), printable(u.State),
			age(u.AcceptedAt, time.Now()), printable(u.Kind), printable(u.CompanyID), u.Counters.Total, u.counted(),
			u.Counters.Failed, printable(owner), printable(u.FileName))
	}
	return table.Flush()
}

// age is how long ago something was, to the unit that matters.
func age(since, now time.Time) string {
	switch d := now.Sub(since); {
	case since.IsZero():
		return "-"
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
