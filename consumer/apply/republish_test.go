package apply_test

import (
	"testing"

	"sluice/consumer/apply"
	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/event"
)

// TestRepublisher: all records of one upload, byte for byte, and none of another.
func TestRepublisher(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(2)
		r.accept(bulktest.Upload)
		r.accept(otherUpload)
		bad := bulktest.Row(at(3, 2))
		poison := r.codec.RowRecord(nil, &bad, 0)
		poison.Value = []byte("poison")
		r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(7)),
			bulktest.Row(bulktest.Of(otherUpload), at(1, 0), about(2), state("Goa")))
		r.putRecords(poison)
		r.applyAll()
		before := map[string]int{}
		topics := []string{bulk.TopicChanges, bulk.TopicResults, bulk.TopicDeadLetters}
		for _, topic := range topics {
			for _, rec := range r.log.Records(topic) {
				if event.UploadOf(&rec) == bulktest.Upload {
					before[topic+string(rec.Key)+string(rec.Value)]++
				}
			}
		}
		again := &apply.Republisher{Journal: r.store, Publisher: r.log}
		old := len(r.log.History(bulk.TopicChanges)) + len(r.log.History(bulk.TopicResults)) + len(r.log.History(bulk.TopicDeadLetters))
		if err := again.Do(t.Context(), &bulk.Lease{Job: bulk.Job{Kind: bulk.JobRepublish, Upload: bulktest.Upload}}); err != nil {
			t.Fatal(err)
		}
		now := 0
		for _, topic := range topics {
			for _, rec := range r.log.Records(topic) {
				now++
				if event.UploadOf(&rec) == bulktest.Upload {
					before[topic+string(rec.Key)+string(rec.Value)]--
				}
			}
		}
		for what, n := range before {
			if n != -1 {
				t.Errorf("%q came %d times more", what, -n)
			}
		}
		if now != old+len(before) {
			t.Errorf("%d records came, want %d", now-old, len(before))
		}
	})
}
