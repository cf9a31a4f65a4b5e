package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
)

// gapPauseMillis is how long an upload flagged for a gap is not flagged again:
// what was on the log behind the gap still arrives and shows the same gap.
const gapPauseMillis = 5000

// resend has an upload split from its first row and its journal published once
// more, unless it is final. Whoever holds one of the two jobs loses it. Marks
// make all that was done already harmless.
func (s *Store) resend(c *sqlite.Conn, uploadID string) error {
	n, err := change(c, `UPDATE tally SET resent_at = ?2
		WHERE upload = ?1 AND EXISTS (SELECT 1 FROM upload WHERE id = ?1 AND state <> 'finished')`, uploadID, s.millis())
	if err != nil {
		return fmt.Errorf("flag for resend: %w", err)
	}
	if n == 0 {
		return nil
	}
	for _, kind := range []bulk.JobKind{bulk.JobSplit, bulk.JobRepublish} {
		if err := resetJob(c, kind, uploadID); err != nil {
			return fmt.Errorf("flag for resend: %w", err)
		}
	}
	return nil
}

// resendGap is resend, unless the upload was flagged a moment ago.
func (s *Store) resendGap(c *sqlite.Conn, uploadID string) error {
	n, err := query(c, `SELECT 1 FROM tally WHERE upload = ? AND resent_at > ?`, nil, uploadID, s.millis()-gapPauseMillis)
	if err != nil {
		return fmt.Errorf("flag for resend: %w", err)
	}
	if n > 0 {
		return nil
	}
	return s.resend(c, uploadID)
}

// resendUnfinished flags every unfinished upload, however lately it was flagged.
func (s *Store) resendUnfinished(c *sqlite.Conn) error {
	return s.resendAll(c, uploadIDs(c, `SELECT id FROM upload WHERE state <> 'finished'`))
}

// FlagStalled is bulk.AggregateStore.FlagStalled. Only running uploads can be
// mended by sending rows again: before that the split, after it the finishing
// has its own leased job.
func (s *Store) FlagStalled(ctx context.Context, seconds int) (flagged int, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		stalled := uploadIDs(c, `SELECT u.id FROM upload u CROSS JOIN tally t ON t.upload = u.id
			WHERE u.state <> 'finished' AND u.state = 'running' AND max(t.progress_at, t.resent_at) <= ?`,
			s.millis()-int64(seconds)*1000)
		flagged = len(stalled.ids)
		return s.resendAll(c, stalled)
	})
	if err != nil {
		return 0, err
	}
	return flagged, nil
}

// idList is a list of uploads or the error of reading it.
type idList struct {
	ids []string
	err error
}

func uploadIDs(c *sqlite.Conn, text string, args ...any) (l idList) {
	_, l.err = query(c, text, func(st *sqlite.Stmt) error {
		l.ids = append(l.ids, st.ColumnText(0))
		return nil
	}, args...)
	return l
}

func (s *Store) resendAll(c *sqlite.Conn, l idList) error {
	if l.err != nil {
		return fmt.Errorf("list uploads: %w", l.err)
	}
	for _, id := range l.ids {
		if err := s.resend(c, id); err != nil {
			return err
		}
	}
	return nil
}
