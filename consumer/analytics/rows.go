package analytics

import (
	"strings"

	"github.com/zeebo/xxh3"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// rows are decoded records: those of one source are all of one kind, those of
// the journal of two.
type rows struct {
	uploads []bulk.AnalyticsUpload
	results []bulk.AnalyticsResult
	changes []bulk.AnalyticsChange
	bytes   int // of the texts that are the rows' own
	sum     xxh3.Hasher
}

func (r *rows) count() int { return len(r.uploads) + len(r.results) + len(r.changes) }

// reset forgets the rows and lets go of their texts.
func (r *rows) reset() {
	clear(r.uploads)
	clear(r.results)
	clear(r.changes)
	r.uploads, r.results, r.changes, r.bytes = r.uploads[:0], r.results[:0], r.changes[:0], 0
	r.sum.Reset()
}

// maxWords is when the known words are forgotten: a log of ours holds a few
// hundred of them, a foreign one may hold anything.
const maxWords = 10_000

// decoder makes rows of records. Texts of a decoded record share one copy of it,
// up to 900 KB; the rows outlive the record, so they get texts of their own.
type decoder struct {
	codec   *event.Codec
	metrics *Metrics
	batch   bulk.ResultBatch
	change  bulk.Change
	words   map[string]string // companies, uploads, codes and field names: few, and they repeat
}

func newDecoder(codec *event.Codec, metrics *Metrics) *decoder {
	return &decoder{codec: codec, metrics: metrics, words: map[string]string{}}
}

// add appends what a record gives. What can not be read is counted: the roles
// that answer for the topic have made a dead letter of it.
func (d *decoder) add(r *rows, rec *bulk.Record) {
	if rec.Value == nil {
		d.metrics.Skipped.WithLabelValues(skippedTombstone).Inc()
		return
	}
	// Hashing can not fail.
	_, _ = r.sum.Write(rec.Value)
	var err error
	switch rec.Topic {
	case bulk.TopicResponses:
		err = d.addResponse(r, rec.Value)
	case bulk.TopicResults:
		err = d.addResults(r, rec.Value)
	case bulk.TopicChanges:
		err = d.addChange(r, rec.Value)
	}
	if err != nil {
		d.metrics.Skipped.WithLabelValues(skippedUnreadable).Inc()
	}
}

func (d *decoder) addResponse(r *rows, value []byte) error {
	var res bulk.Response
	if err := d.codec.DecodeResponse(value, &res); err != nil {
		return err
	}
	r.uploads = append(r.uploads, bulk.AnalyticsUpload{
		Company: d.word(res.Company), Upload: d.own(r, res.Upload), Kind: res.Kind, Outcome: res.Outcome,
		Counters: res.Counters, FinishedAt: res.FinishedAt,
	})
	return nil
}

// addResults appends a row for each result. A batch that says that the split is
// finished holds none.
func (d *decoder) addResults(r *rows, value []byte) error {
	b := &d.batch
	if err := d.codec.DecodeResults(value, b); err != nil {
		return err
	}
	company, upload := d.word(b.Company), d.word(b.Upload)
	for i := range b.Results {
		res := &b.Results[i]
		r.results = append(r.results, bulk.AnalyticsResult{
			Company: company, Upload: upload, Row: res.Row, Status: res.Status,
			CustomerID: d.own(r, res.CustomerID), Version: res.Version, Amount: res.Amount,
			Errors: d.issues(r, res.Errors), Warnings: d.issues(r, res.Warnings),
		})
	}
	clear(b.Results) // their texts would keep the record's copy
	return nil
}

func (d *decoder) addChange(r *rows, value []byte) error {
	c := &d.change
	if err := d.codec.DecodeChange(value, c); err != nil {
		return err
	}
	r.changes = append(r.changes, bulk.AnalyticsChange{
		Company: d.word(c.Company), Upload: d.word(c.Upload), Row: c.Row, CustomerID: d.own(r, c.CustomerID),
		Version: c.Version, Operation: c.Operation, Fields: c.Fields, ChangedAt: c.ChangedAt,
	})
	return nil
}

func (d *decoder) issues(r *rows, issues []customer.Issue) []bulk.AnalyticsIssue {
	if len(issues) == 0 {
		return nil
	}
	list := make([]bulk.AnalyticsIssue, len(issues))
	for i := range issues {
		list[i] = bulk.AnalyticsIssue{Code: customer.Code(d.word(string(issues[i].Code))), Field: d.word(issues[i].Field)}
	}
	r.bytes += len(issues) * 32 // two texts' headers
	return list
}

// own copies a text for a row.
func (d *decoder) own(r *rows, s string) string {
	r.bytes += len(s)
	return strings.Clone(s)
}

// word copies a text that comes often once.
func (d *decoder) word(s string) string {
	if w, ok := d.words[s]; ok {
		return w
	}
	if len(d.words) >= maxWords {
		clear(d.words)
	}
	w := strings.Clone(s)
	d.words[w] = w
	return w
}
