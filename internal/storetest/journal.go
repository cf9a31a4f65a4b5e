package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"sluice/internal/bulk"
)

func journalChecks() []check {
	return []check{
		{"unpublished_rows_come_in_order_and_paged", unpublishedPages},
		{"published_mark_only_grows", publishedGrows},
		{"upload_journal_holds_only_its_rows", uploadJournal},
		{"whole_journal_is_read_from_the_beginning", wholeJournal},
		{"journal_body_is_kept_byte_for_byte", journalBody},
	}
}

// journalOf names rows as partition/number:body.
func journalOf(rows []bulk.JournalRow) (names []string) {
	for _, r := range rows {
		names = append(names, fmt.Sprintf("%d/%d:%s", r.Source.Partition, r.Seq, r.Body))
	}
	return names
}

func wantJournal(t *testing.T, rows []bulk.JournalRow, want ...string) {
	t.Helper()
	if got := journalOf(rows); !slices.Equal(got, want) {
		t.Fatalf("journal is %v, want %v", got, want)
	}
}

func unpublishedPages(t *testing.T, s Store) {
	o, other := newOwner(t, s, 0), newOwner(t, s, 1)
	for _, body := range []string{"a", "b", "c"} {
		o.write(t, bulk.ApplyWrite{Journal: []byte(body)})
		o.write(t, bulk.ApplyWrite{})
		other.write(t, bulk.ApplyWrite{Journal: []byte("other")})
	}
	rows, err := s.Unpublished(t.Context(), o.source, 0, 2)
	must(t, err)
	wantJournal(t, rows, "0/1:a", "0/2:b")
	equal(t, "source", rows[0].Source, o.source)
	rows, err = s.Unpublished(t.Context(), o.source, 2, 2)
	must(t, err)
	wantJournal(t, rows, "0/3:c")
	rows, err = s.Unpublished(t.Context(), o.source, 3, 2)
	must(t, err)
	wantJournal(t, rows)
	n, err := s.UnpublishedJournal(t.Context(), o.source.Cluster)
	must(t, err)
	equal(t, "unpublished rows", n, 6)
}

func publishedGrows(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	for range 4 {
		o.write(t, bulk.ApplyWrite{Journal: []byte("j")})
	}
	for _, step := range []struct{ mark, want int64 }{{2, 2}, {1, 2}, {3, 3}} {
		must(t, s.MarkPublished(t.Context(), o.source, step.mark))
		progress(t, s, o.source, bulk.Progress{Next: o.next, Seq: 4, Published: step.want})
	}
	n, err := s.UnpublishedJournal(t.Context(), o.source.Cluster)
	must(t, err)
	equal(t, "unpublished rows", n, 1)
	for _, step := range []struct{ mark, want int64 }{{0, 3}, {2, 3}, {4, 4}} {
		must(t, o.apply(t.Context(), bulk.ApplyBatch{Published: step.mark}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
			return &bulk.ApplyWrite{}, nil
		}))
		progress(t, s, o.source, bulk.Progress{Next: o.next, Seq: 4, Published: step.want})
	}
}

func uploadJournal(t *testing.T, s Store) {
	o, other := newOwner(t, s, 0), newOwner(t, s, 1)
	x, y := running(t, s, companyA, 9, 2).ID, running(t, s, companyA, 9, 2).ID
	o.write(t, bulk.ApplyWrite{Journal: []byte("x"), JournalUploads: []string{x}})
	other.write(t, bulk.ApplyWrite{Journal: []byte("xy"), JournalUploads: []string{x, y}})
	o.write(t, bulk.ApplyWrite{Journal: []byte("y"), JournalUploads: []string{y}})
	o.write(t, bulk.ApplyWrite{Journal: []byte("x2"), JournalUploads: []string{y, x}})
	o.write(t, bulk.ApplyWrite{Journal: []byte("none")})
	must(t, s.MarkPublished(t.Context(), o.source, 3))
	for id, want := range map[string][]string{
		x:                            {"0/1:x", "0/3:x2", "1/1:xy"},
		y:                            {"0/2:y", "0/3:x2", "1/1:xy"},
		newUpload(t, companyA, 1).ID: nil,
	} {
		rows := collect(t, func(fn func(bulk.JournalRow) error) error { return s.UploadJournal(t.Context(), id, fn) })
		// The order between sources is free.
		slices.SortStableFunc(rows, func(a, b bulk.JournalRow) int { return int(a.Source.Partition - b.Source.Partition) })
		wantJournal(t, rows, want...)
	}
	stop := errors.New("stop")
	wantErr(t, s.UploadJournal(t.Context(), x, func(bulk.JournalRow) error { return stop }), stop)
}

func wholeJournal(t *testing.T, s Store) {
	const batches = 70
	owners := []*owner{newOwner(t, s, 0), newOwner(t, s, 1)}
	want := map[int32]int64{}
	for i := range batches {
		o := owners[i%3%2]
		o.write(t, bulk.ApplyWrite{Journal: fmt.Appendf(nil, "%d", i)})
		want[o.source.Partition]++
	}
	got := map[int32]int64{}
	rows := collect(t, func(fn func(bulk.JournalRow) error) error { return s.Journal(t.Context(), fn) })
	for _, r := range rows {
		got[r.Source.Partition]++
		equal(t, "number", r.Seq, got[r.Source.Partition])
		equal(t, "topic", r.Source.Topic, bulk.TopicUpdates)
	}
	equal(t, "rows", len(rows), batches)
	equal(t, "rows of partition 0", got[0], want[0])
}

func journalBody(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	body := make([]byte, 1_000_003)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	o.write(t, bulk.ApplyWrite{Journal: body})
	rows, err := s.Unpublished(t.Context(), o.source, 0, 10)
	must(t, err)
	equal(t, "rows", len(rows), 1)
	equal(t, "same bytes", string(rows[0].Body) == string(body), true)
}

func collect(t *testing.T, read func(func(bulk.JournalRow) error) error) (rows []bulk.JournalRow) {
	t.Helper()
	must(t, read(func(r bulk.JournalRow) error {
		rows = append(rows, r)
		return nil
	}))
	return rows
}
