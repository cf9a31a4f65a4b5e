package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The statements that flag uploads for resend begin with a list "picked" of
// uploads and go on with resendPicked: each is split from its first row and its
// journal is published once more, and whoever holds one of the two jobs loses
// it. Marks make all that was done already harmless. The uploads are locked
// against being finished meanwhile, and always in the same order.
const (
	resendPicked = `, flagged AS (
			UPDATE tally t SET resent_at = now() FROM picked p WHERE t.upload = p.id RETURNING t.upload
		)
		INSERT INTO job (kind, upload, fence, total)
		SELECT k.kind, p.id, nextval('job_number'), p.total
		FROM picked p JOIN flagged f ON f.upload = p.id CROSS JOIN (VALUES ('split'), ('republish')) AS k(kind)
		ORDER BY p.id, k.kind
		ON CONFLICT (kind, upload) DO UPDATE SET fence = nextval('job_number'), owner = '', lease_until = '-infinity', state = ''`

	// resendGaps flags the uploads $1 unless they were flagged a moment ago: what
	// was on the log behind a gap still arrives and shows the same gap.
	resendGaps = `WITH picked AS (
			SELECT u.id, u.total FROM upload u JOIN tally t ON t.upload = u.id
			WHERE u.id = ANY($1::text[]) AND u.state <> 'finished' AND t.resent_at <= now() - interval '5 seconds'
			ORDER BY u.id FOR UPDATE OF t FOR SHARE OF u
		)` + resendPicked

	// resendUnfinished flags every unfinished upload, however lately it was flagged.
	resendUnfinished = `WITH picked AS (
			SELECT u.id, u.total FROM upload u WHERE u.state <> 'finished' ORDER BY u.id FOR SHARE
		)` + resendPicked

	// resendStalled flags running uploads that stood still for $1 seconds. Before
	// that the split, after it the finishing has its own leased job.
	resendStalled = `WITH picked AS (
			SELECT u.id, u.total FROM upload u JOIN tally t ON t.upload = u.id
			WHERE u.state <> 'finished' AND u.state = 'running'
				AND greatest(t.progress_at, t.resent_at) <= now() - make_interval(secs => $1)
			ORDER BY u.id FOR UPDATE OF t FOR SHARE OF u
		)` + resendPicked
)

// jobsOfResend is how many jobs each flagged upload has.
const jobsOfResend = 2

// FlagStalled is bulk.AggregateStore.FlagStalled.
func (s *Store) FlagStalled(ctx context.Context, seconds int) (flagged int, err error) {
	err = s.write(ctx, "", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, resendStalled, float64(seconds))
		if err != nil {
			return fmt.Errorf("flag stalled uploads: %w", err)
		}
		flagged = int(tag.RowsAffected()) / jobsOfResend
		return nil
	})
	if err != nil {
		return 0, err
	}
	return flagged, nil
}
