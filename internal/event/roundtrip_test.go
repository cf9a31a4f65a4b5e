package event_test

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

func same(t *rapid.T, what string, got, want any, err error) {
	if err != nil {
		t.Fatalf("decode %s: %v", what, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s came back as\n%+v, was\n%+v", what, got, want)
	}
}

// roundTrip encodes and decodes one value of each kind, into targets that held
// something else before, and appends behind other bytes.
func roundTrip(t *rapid.T) {
	codec := event.NewCodec(event.DefaultIDs())
	front := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "front")
	behind := func(encoded []byte) []byte {
		if !bytes.HasPrefix(encoded, front) {
			t.Fatal("what stood in front was changed")
		}
		return encoded[len(front):]
	}

	row, oldRow := anyRow.Draw(t, "row"), anyRow.Draw(t, "oldRow")
	err := codec.DecodeRow(behind(codec.AppendRow(bytes.Clone(front), &row)), &oldRow)
	same(t, "row", oldRow, row, err)

	batch, oldBatch := anyBatch.Draw(t, "batch"), anyBatch.Draw(t, "oldBatch")
	oldBatch.Results = append([]bulk.Result(nil), oldBatch.Results...)
	err = codec.DecodeResults(behind(codec.AppendResults(bytes.Clone(front), &batch)), &oldBatch)
	if len(oldBatch.Results) == 0 {
		oldBatch.Results = nil
	}
	same(t, "results", oldBatch, batch, err)

	change, oldChange := anyChange.Draw(t, "change"), anyChange.Draw(t, "oldChange")
	err = codec.DecodeChange(behind(codec.AppendChange(bytes.Clone(front), &change)), &oldChange)
	same(t, "change", oldChange, change, err)

	response, oldResponse := anyResponse.Draw(t, "response"), anyResponse.Draw(t, "oldResponse")
	err = codec.DecodeResponse(behind(codec.AppendResponse(bytes.Clone(front), &response)), &oldResponse)
	same(t, "response", oldResponse, response, err)

	c, oldCustomer := anyCustomer.Draw(t, "customer"), anyCustomer.Draw(t, "oldCustomer")
	err = codec.DecodeCustomer(behind(codec.AppendCustomer(bytes.Clone(front), &c)), &oldCustomer)
	same(t, "customer", oldCustomer, c, err)
}

func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, roundTrip)
}

func FuzzEventRoundTrip(f *testing.F) { f.Fuzz(rapid.MakeFuzz(roundTrip)) }

func TestDecodedValuesDoNotKeepTheBytesTheyCameFrom(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	row := benchRow(77)
	value := codec.AppendRow(nil, &row)
	change := benchChange(codec, 77)
	changeValue := codec.AppendChange(nil, &change)
	var gotRow bulk.Row
	var gotChange bulk.Change
	if err := codec.DecodeRow(value, &gotRow); err != nil {
		t.Fatal(err)
	}
	if err := codec.DecodeChange(changeValue, &gotChange); err != nil {
		t.Fatal(err)
	}
	clear(value)
	clear(changeValue)
	if !reflect.DeepEqual(gotRow, row) || !reflect.DeepEqual(gotChange, change) {
		t.Error("a decoded value changed with the bytes it was read from")
	}
	gotChange.Before = append(gotChange.Before, 0xff)
	if !bytes.Equal(gotChange.After, change.After) {
		t.Error("appending to Before changed After")
	}
}

func TestBadTextInResultsIsMadeReadable(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	batch := bulk.ResultBatch{Upload: "u", Company: "c", Last: 1, Results: []bulk.Result{{
		Row: 1, Status: bulk.StatusFailed, CustomerID: "KC\xff",
		Errors: []customer.Issue{{Field: "ifsc", Column: 3, Rejected: "a\xfe\xffb", Code: customer.InvalidText, Message: "m"}},
	}}}
	var got bulk.ResultBatch
	if err := codec.DecodeResults(codec.AppendResults(nil, &batch), &got); err != nil {
		t.Fatal(err)
	}
	if r := got.Results[0]; r.Errors[0].Rejected != "a\uFFFDb" || r.CustomerID != "KC\uFFFD" || r.Errors[0].Column != -1 {
		t.Errorf("read back %+v", r)
	}
}
