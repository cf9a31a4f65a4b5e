package event_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/bulk"
	"sluice/internal/event"
)

func TestEventsAreRenderedAsPlainJSON(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	good := map[string][]byte{}
	for _, d := range decoders(t) {
		good[d.name] = d.good
	}
	cases := []struct {
		name, topic string
		value       []byte
		want        []string
	}{
		{"row", bulk.TopicUpdates, good["row"], []string{`{"uploadId":"0199c0de-`, `"row":4711`, `"operation":"UPDATE"`, `"ifsc":"CLEARED"`, `"uniqueRefNo":null`, `"legalName":"Asha Träders`, `"branchCodes":["BLR01","BLR02"]`, `"dueDateDifference":-3`}},
		{"results", bulk.TopicResults, good["results"], []string{`"status":"UNPROCESSED"`, `"splitFinished":{"rows":31,"ends":[30,0,31,28]}`, `"warnings":[]`}},
		{"change", bulk.TopicChanges, good["change"], []string{`"changedAt":"2025-12-06T05:46:40.456Z"`, `"before":{"customerId":"KC0000000000000A","version":3`, `"after":{`}},
		{"response", bulk.TopicResponses, good["response"], []string{`"outcome":"PARTIAL"`, `"payload":{"total_count":31,"success_count":25,"failure_count":4}}`}},
		{"readable_dead_letter", bulk.TopicDeadLetters, good["row"], []string{`"row":4711`}},
		{"other_dead_letter", bulk.TopicDeadLetters, []byte("\x00\xff?"), []string{`"AP8/"`}},
		{"tombstone", bulk.TopicResponses, nil, []string{`null`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.JSON(c.topic, c.value)
			if err != nil || !json.Valid(got) || bytes.ContainsRune(got, '\n') {
				t.Fatalf("rendered %s: %v", got, err)
			}
			for _, w := range c.want {
				if !strings.Contains(string(got), w) {
					t.Errorf("rendered %s\nwithout %s", got, w)
				}
			}
		})
	}
	if _, err := codec.JSON("other", []byte{0}); err == nil {
		t.Error("a topic without a schema is rendered")
	}
	_, err := codec.JSON(bulk.TopicUpdates, good["change"])
	wantReason(t, err, event.ReasonUnknownSchema)
}

func TestAnyEventRendersToValidJSON(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	rapid.Check(t, func(t *rapid.T) {
		row, batch := anyRow.Draw(t, "row"), anyBatch.Draw(t, "batch")
		change, response := anyChange.Draw(t, "change"), anyResponse.Draw(t, "response")
		for topic, value := range map[string][]byte{
			bulk.TopicUpdates: codec.AppendRow(nil, &row), bulk.TopicResults: codec.AppendResults(nil, &batch),
			bulk.TopicChanges: codec.AppendChange(nil, &change), bulk.TopicResponses: codec.AppendResponse(nil, &response),
		} {
			out, err := codec.JSON(topic, value)
			if err != nil || !json.Valid(out) {
				t.Fatalf("%s rendered as %s: %v", topic, out, err)
			}
		}
	})
}
