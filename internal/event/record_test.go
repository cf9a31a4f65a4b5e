package event_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

func headers(rec bulk.Record) map[string]string {
	out := map[string]string{}
	for _, h := range rec.Headers {
		out[h.Key] = string(h.Value)
	}
	return out
}

func wantHeaders(t *testing.T, rec bulk.Record, want map[string]string) {
	t.Helper()
	if got := headers(rec); !reflect.DeepEqual(got, want) || len(rec.Headers) != len(want) {
		t.Errorf("headers\n%v, want\n%v", got, want)
	}
}

func TestRowRecordNamesItsRowInKeyAndHeaders(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	row := benchRow(4711)
	rec := codec.RowRecord(nil, &row, 3)
	if rec.Topic != bulk.TopicUpdates || rec.Partition != 3 || string(rec.Key) != "CEKDEMO001/KC00000000004711" {
		t.Errorf("record for %s/%d with key %s", rec.Topic, rec.Partition, rec.Key)
	}
	wantHeaders(t, rec, map[string]string{"upload": benchUpload, "row": "4711", "prev": "4707"})
	if !bytes.Equal(rec.Value, codec.AppendRow(nil, &row)) {
		t.Error("value is not the row")
	}
	upload, number, prev, ok := event.RowOf(&rec)
	if upload != benchUpload || number != 4711 || prev != 4707 || !ok {
		t.Errorf("the headers say %s, %d, %d, %v", upload, number, prev, ok)
	}
	if event.UploadOf(&rec) != benchUpload {
		t.Error("the upload is not named")
	}
	row.Identity, row.CustomerID = "", "KCGENERATED00001"
	if key := event.AppendRowKey(nil, &row); string(key) != "CEKDEMO001/KCGENERATED00001" {
		t.Errorf("key of a created customer is %s", key)
	}
}

func TestRowIsUnknownWhereHeadersDoNotSayIt(t *testing.T) {
	t.Parallel()
	h := func(upload, row, prev string) []bulk.Header {
		return []bulk.Header{{Key: "upload", Value: []byte(upload)}, {Key: "row", Value: []byte(row)}, {Key: "prev", Value: []byte(prev)}}
	}
	cases := map[string][]bulk.Header{
		"no_headers": nil, "no_upload": h("", "2", "1"), "no_number": h("u", "x", "1"), "no_prev": h("u", "2", "")[:2],
		"row_not_after_prev": h("u", "2", "2"), "negative": h("u", "2", "-1"), "too_large": h("u", "99999999999999999999", "1"),
	}
	for name, list := range cases {
		if _, _, _, ok := event.RowOf(&bulk.Record{Headers: list}); ok {
			t.Errorf("%s: a row was found", name)
		}
	}
	for _, c := range []struct {
		rec  bulk.Record
		want string
	}{
		{bulk.Record{Topic: bulk.TopicResults, Key: []byte("u")}, "u"},
		{bulk.Record{Topic: bulk.TopicUpdates, Key: []byte("c/k")}, ""},
	} {
		if got := event.UploadOf(&c.rec); got != c.want {
			t.Errorf("upload of %s is %q", c.rec.Topic, got)
		}
	}
}

func TestChangeRecordIsACloudEvent(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	ch := benchChange(codec, 12)
	for op, name := range map[bulk.Operation]string{
		bulk.OperationCreated: "created", bulk.OperationUpdated: "updated", bulk.OperationDeleted: "deleted",
	} {
		ch.Operation = op
		rec := codec.ChangeRecord(&ch)
		if rec.Topic != bulk.TopicChanges || rec.Partition != bulk.AnyPartition || string(rec.Key) != "CEKDEMO001/"+ch.CustomerID {
			t.Errorf("record for %s/%d with key %s", rec.Topic, rec.Partition, rec.Key)
		}
		wantHeaders(t, rec, map[string]string{
			"ce_specversion": "1.0", "ce_id": benchUpload + "/12", "ce_source": "/companies/CEKDEMO001/customers",
			"ce_type": "sluice.customer." + name, "ce_time": "2025-12-06T05:46:40.000Z", "ce_subject": ch.CustomerID,
			"content-type": "application/vnd.confluent.avro", "upload": benchUpload, "row": "12",
		})
	}
}

func TestResponseRecordIsACloudEvent(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	r := bulk.Response{Upload: benchUpload, Company: benchCompany, Kind: bulk.KindCreate, Outcome: bulk.OutcomeNone, FinishedAt: 1_765_000_000_007, Body: []byte("{}")}
	rec := codec.ResponseRecord(&r)
	if rec.Topic != bulk.TopicResponses || rec.Partition != bulk.AnyPartition || string(rec.Key) != benchUpload {
		t.Errorf("record for %s/%d with key %s", rec.Topic, rec.Partition, rec.Key)
	}
	wantHeaders(t, rec, map[string]string{
		"ce_specversion": "1.0", "ce_id": benchUpload, "ce_source": "/companies/CEKDEMO001/uploads",
		"ce_type": "sluice.upload.finished", "ce_time": "2025-12-06T05:46:40.007Z", "ce_subject": benchUpload,
		"content-type": "application/vnd.confluent.avro", "upload": benchUpload,
	})
}

func TestResultsAreCutIntoRangesThatFollowEachOther(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	rapid.Check(t, func(t *rapid.T) {
		batch := rangedBatch.Draw(t, "batch")
		maxBytes := rapid.IntRange(1, 20_000).Draw(t, "maxBytes")
		records := codec.ResultRecords(&batch, maxBytes)
		if again := codec.ResultRecords(&batch, maxBytes); !reflect.DeepEqual(again, records) {
			t.Fatal("cut another way the second time")
		}
		whole := bulk.ResultBatch{Upload: batch.Upload, Company: batch.Company, Source: batch.Source, Prev: batch.Prev, Last: batch.Prev}
		for i, rec := range records {
			var part bulk.ResultBatch
			if err := codec.DecodeResults(rec.Value, &part); err != nil {
				t.Fatal(err)
			}
			if len(rec.Value) > maxBytes && len(part.Results) > 1 {
				t.Fatalf("value of %d bytes with %d results, at most %d wanted", len(rec.Value), len(part.Results), maxBytes)
			}
			h := headers(rec)
			if part.Prev != whole.Last || h["prev"] != fmt.Sprint(part.Prev) || h["last"] != fmt.Sprint(part.Last) || h["upload"] != batch.Upload {
				t.Fatalf("part %d is (%d, %d] after %d, headers %v", i, part.Prev, part.Last, whole.Last, h)
			}
			if n := len(part.Results); n > 0 && i < len(records)-1 && part.Results[n-1].Row != part.Last {
				t.Fatalf("part %d ends at %d, its last row is %d", i, part.Last, part.Results[n-1].Row)
			}
			if part.Ends != nil && i < len(records)-1 {
				t.Fatal("the end of the split is told before the last part")
			}
			whole.Last, whole.Ends, whole.Rows = part.Last, part.Ends, part.Rows
			whole.Results = append(whole.Results, part.Results...)
		}
		if !reflect.DeepEqual(whole, batch) {
			t.Fatalf("the parts together are\n%+v, were\n%+v", whole, batch)
		}
	})
}

func TestNoValueOfResultsExceedsTheLimit(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	batch := benchResults(300)
	batch.Ends = []int64{300}
	for maxBytes := 400; maxBytes < 1500; maxBytes++ {
		for _, rec := range codec.ResultRecords(&batch, maxBytes) {
			if len(rec.Value) > maxBytes {
				t.Fatalf("value of %d bytes, at most %d wanted", len(rec.Value), maxBytes)
			}
		}
	}
}

func TestResultsThatFitStayTogether(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	batch := benchResults(2000)
	records := codec.ResultRecords(&batch, 0)
	if len(records) != 1 || !bytes.Equal(records[0].Value, codec.AppendResults(nil, &batch)) {
		t.Errorf("%d records", len(records))
	}
	end := bulk.ResultBatch{Upload: "u", Company: "c", Source: 4, Prev: 9, Last: 9, Ends: []int64{3, 0, 9}, Rows: 9}
	if records := codec.ResultRecords(&end, 0); len(records) != 1 {
		t.Errorf("%d records for the end of a split", len(records))
	}
}

func TestBuilderMakesTheSameRecordsBatchAfterBatch(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	builder := codec.NewBuilder()
	for round := range 3 {
		builder.Reset()
		var want []bulk.Record
		results := benchResults(50 + round)
		builder.Results(&results, 1000)
		want = append(want, codec.ResultRecords(&results, 1000)...)
		for i := range 40 {
			row, ch := benchRow(i+round), benchChange(codec, i+round)
			builder.Row(&row, 2)
			builder.Change(&ch)
			want = append(want, codec.RowRecord(nil, &row, 2), codec.ChangeRecord(&ch))
		}
		response := bulk.Response{Upload: "u", Company: "c", Outcome: bulk.OutcomeComplete, Kind: bulk.KindUpdate, Body: []byte("{}")}
		builder.Response(&response)
		want = append(want, codec.ResponseRecord(&response))
		if !reflect.DeepEqual(builder.Records(), want) {
			t.Fatalf("round %d: records differ", round)
		}
		size := 0
		for _, rec := range builder.Records() {
			size += len(rec.Value)
		}
		if builder.Bytes() < size {
			t.Errorf("Bytes says %d for values of %d", builder.Bytes(), size)
		}
	}
}

func TestDeadLetterKeepsEverythingAndSaysWhereItStood(t *testing.T) {
	t.Parallel()
	rec := bulk.Record{
		Topic: bulk.TopicUpdates, Partition: 5, Offset: 991, Key: []byte("k"), Value: []byte{9, 9},
		Headers: []bulk.Header{{Key: "upload", Value: []byte("u")}, {Key: "row", Value: []byte("3")}},
	}
	dead := event.DeadLetterRecord(&rec, "unreadable bytes")
	if dead.Topic != bulk.TopicDeadLetters || dead.Partition != bulk.AnyPartition || string(dead.Key) != "k" || !bytes.Equal(dead.Value, rec.Value) {
		t.Errorf("dead letter is %+v", dead)
	}
	wantHeaders(t, dead, map[string]string{
		"upload": "u", "row": "3", "reason": "unreadable bytes", "topic": bulk.TopicUpdates, "partition": "5", "offset": "991",
	})
	clear(rec.Value)
	if dead.Value[0] != 9 {
		t.Error("the dead letter shares memory with the record")
	}
	empty := event.DeadLetterRecord(&bulk.Record{Topic: bulk.TopicUpdates}, "no value")
	if empty.Key != nil || empty.Value != nil {
		t.Error("nil did not stay nil")
	}
}

func TestDeadLetterTooLargeForTheLogIsCut(t *testing.T) {
	t.Parallel()
	rec := bulk.Record{
		Topic: bulk.TopicUpdates, Key: make([]byte, 8<<10), Value: make([]byte, 1<<20),
		Headers: []bulk.Header{{Key: "big", Value: make([]byte, 64<<10)}, {Key: "row", Value: []byte("3")}},
	}
	dead := event.DeadLetterRecord(&rec, string(make([]byte, 4096)))
	size := len(dead.Key) + len(dead.Value)
	for _, h := range dead.Headers {
		size += len(h.Key) + len(h.Value)
	}
	if h := headers(dead); size > event.MaxRecordBytes || h["cutFrom"] != "1048576" || h["row"] != "3" {
		t.Errorf("%d bytes, headers %v", size, h["cutFrom"])
	}
}

func TestLargestCustomersFitOneRecord(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	c := benchCustomer(1)
	c.Values[customer.Address] = customer.Value{Set: true, Text: string(bytes.Repeat([]byte("a"), 256<<10))}
	ch := benchChange(codec, 1)
	ch.Before = codec.AppendCustomer(nil, &c)
	ch.After = ch.Before
	if rec := codec.ChangeRecord(&ch); len(rec.Value) > event.MaxValueBytes {
		t.Errorf("change of %d bytes", len(rec.Value))
	}
}
