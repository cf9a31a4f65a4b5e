package storetest

import (
	"errors"
	"testing"

	"sluice/internal/bulk"
)

func applyChecks() []check {
	return []check{
		{"created_customer_is_updated_and_read_back", createAndUpdate},
		{"unchanged_batch_moves_progress_only", emptyBatch},
		{"batch_that_begins_elsewhere_changes_nothing", progressMoved},
		{"journal_number_must_be_the_next", seqMoved},
		{"mark_moves_by_compare_and_swap", markMoved},
		{"marks_tell_what_is_known_of_an_upload", markViews},
		{"refusing_to_decide_changes_nothing", decideFails},
		{"companies_do_not_meet", companiesApart},
		{"sources_do_not_meet", sourcesApart},
		{"restart_moves_progress_by_compare_and_swap", restart},
		{"large_batch_is_written_whole", largeBatch},
	}
}

func progress(t *testing.T, s Store, source bulk.Source, want bulk.Progress) {
	t.Helper()
	got, ok, err := s.Progress(t.Context(), source)
	must(t, err)
	equal(t, "ok", ok, true)
	equal(t, "progress", got, want)
}

func createAndUpdate(t *testing.T, s Store) {
	_, ok, err := s.Progress(t.Context(), updates(0))
	must(t, err)
	equal(t, "ok before the beginning", ok, false)
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r1", name: "Asha"},
		edit{company: companyA, id: customerID(2), name: "Bela"}))
	has(t, s, companyA, customerID(1), 1, "r1", "Asha")
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(2), ref: "r2"},
		edit{company: companyA, id: customerID(3), name: "Chetan"}, edit{company: companyA, id: customerID(1), name: "Asha 2"}))
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r1b", name: "Asha 3"},
		edit{company: companyA, id: customerID(2), size: 10}))
	has(t, s, companyA, customerID(1), 3, "r1b", "Asha 3")
	has(t, s, companyA, customerID(2), 3, "r2", "Bela")
	has(t, s, companyA, customerID(3), 1, "", "Chetan")
	progress(t, s, updates(0), bulk.Progress{Next: 3, Seq: 3})
}

func emptyBatch(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	o.write(t, bulk.ApplyWrite{})
	progress(t, s, updates(0), bulk.Progress{Next: 1})
}

func progressMoved(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), name: "Asha"}))
	for _, wrong := range []int64{0, 2} {
		other := &owner{store: s, source: o.source, next: wrong, seq: o.seq}
		wantErr(t, other.edit(t.Context(), edit{company: companyA, id: customerID(1), name: "Bela"}), bulk.ErrMoved)
	}
	has(t, s, companyA, customerID(1), 1, "", "Asha")
	progress(t, s, updates(0), bulk.Progress{Next: 1, Seq: 1})
}

func seqMoved(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	for _, wrong := range []int64{-1, 1} {
		other := &owner{store: s, source: o.source, next: o.next, seq: wrong}
		wantErr(t, other.edit(t.Context(), edit{company: companyA, id: customerID(1), name: "Asha"}), bulk.ErrMoved)
	}
	_, err := s.Customer(t.Context(), companyA, customerID(1))
	wantErr(t, err, bulk.ErrNotFound)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), name: "Asha"}))
}

func markMoved(t *testing.T, s Store) {
	o := newOwner(t, s, 3)
	u := running(t, s, companyA, 9, 4)
	move := func(from, to int64) error {
		return o.apply(t.Context(), bulk.ApplyBatch{Uploads: []string{u.ID}}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
			return &bulk.ApplyWrite{Marks: []bulk.MarkMove{{Upload: u.ID, From: from, To: to}}}, nil
		})
	}
	wantErr(t, move(2, 5), bulk.ErrMoved)
	must(t, move(0, 4))
	wantErr(t, move(0, 5), bulk.ErrMoved)
	wantErr(t, move(3, 5), bulk.ErrMoved)
	must(t, move(4, 7))
	equal(t, "mark", o.mark(t, u.ID).Last, 7)
	equal(t, "mark on another partition", newOwner(t, s, 2).mark(t, u.ID).Last, 0)
}

func markViews(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	equal(t, "unknown upload", o.mark(t, newUpload(t, companyA, 1).ID), bulk.UploadMark{})
	equal(t, "running upload", o.mark(t, running(t, s, companyA, 1, 1).ID), bulk.UploadMark{Known: true, Company: companyA})
	equal(t, "finished upload", o.mark(t, finished(t, s, companyB).ID), bulk.UploadMark{Known: true, Company: companyB, Final: true})
}

func decideFails(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	stop := errors.New("stop")
	err := o.apply(t.Context(), bulk.ApplyBatch{}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) { return nil, stop })
	wantErr(t, err, stop)
	progress(t, s, updates(0), bulk.Progress{})
	o.write(t, bulk.ApplyWrite{})
}

func companiesApart(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r", name: "Asha"},
		edit{company: companyB, id: customerID(1), ref: "r", name: "Bela"}))
	must(t, o.edit(t.Context(), edit{company: companyB, id: customerID(1), name: "Bela 2"}))
	has(t, s, companyA, customerID(1), 1, "r", "Asha")
	has(t, s, companyB, customerID(1), 2, "r", "Bela 2")
	must(t, o.edit(t.Context(), edit{company: companyB, key: "r", ref: "s"}))
	wantErr(t, o.edit(t.Context(), edit{company: companyB, key: "r"}), errNoReference)
	must(t, o.edit(t.Context(), edit{company: companyA, key: "r", name: "Asha 2"}))
	has(t, s, companyA, customerID(1), 2, "r", "Asha 2")
}

func sourcesApart(t *testing.T, s Store) {
	one := updates(0)
	for i, source := range []bulk.Source{
		one, {Cluster: "cluster-2", Topic: one.Topic}, {Cluster: one.Cluster, Topic: "other"}, updates(1),
	} {
		must(t, s.Restart(t.Context(), source, -1, int64(i*10)))
		o := &owner{store: s, source: source, next: int64(i * 10)}
		must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(i), name: "Asha"}))
		progress(t, s, source, bulk.Progress{Next: int64(i*10) + 1, Seq: 1})
	}
}

func restart(t *testing.T, s Store) {
	wantErr(t, s.Restart(t.Context(), updates(0), 0, 5), bulk.ErrMoved)
	must(t, s.Restart(t.Context(), updates(0), -1, 7))
	wantErr(t, s.Restart(t.Context(), updates(0), -1, 5), bulk.ErrMoved)
	wantErr(t, s.Restart(t.Context(), updates(0), 6, 5), bulk.ErrMoved)
	o := &owner{store: s, source: updates(0), next: 7}
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), name: "Asha"}))
	must(t, s.MarkPublished(t.Context(), updates(0), 1))
	// Back to an earlier offset: the log was cut.
	must(t, s.Restart(t.Context(), updates(0), 8, 2))
	progress(t, s, updates(0), bulk.Progress{Next: 2, Seq: 1, Published: 1})
	o.next = 2
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), name: "Bela"}))
	progress(t, s, updates(0), bulk.Progress{Next: 3, Seq: 2, Published: 1})
}

func largeBatch(t *testing.T, s Store) {
	const customers = 2500
	o := newOwner(t, s, 0)
	edits := make([]edit, customers)
	for i := range edits {
		edits[i] = edit{company: companyA, id: customerID(i * 7919 % customers), name: "Asha", size: 400}
	}
	for range 2 {
		must(t, o.edit(t.Context(), edits...))
	}
	for i := range customers {
		c, err := s.Customer(t.Context(), companyA, customerID(i))
		must(t, err)
		equal(t, "version", c.Version, 2)
	}
}
