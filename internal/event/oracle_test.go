package event_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"pgregory.net/rapid"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/schemas"
)

// The oracle: what a general Avro library makes of the same values.

type native = map[string]any

func list[T any](in []T, f func(T) any) []any {
	out := make([]any, len(in))
	for i := range in {
		out[i] = f(in[i])
	}
	return out
}

func nativeText(s string) any { return s }

func nativeReminder(r customer.Reminder) any {
	return native{
		"customerReminderId": r.CustomerReminderID, "dueDateDifference": r.DueDateDifference,
		"reminderInterval": r.ReminderInterval, "reminderTime": r.ReminderTime,
		"reminderType": r.ReminderType, "stage": r.Stage,
	}
}

func nativeIssue(i customer.Issue) any {
	return native{"field": i.Field, "rejectedValue": i.Rejected, "code": string(i.Code), "message": i.Message}
}

func nativeAmount(d customer.Decimal) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func nativeValue(f customer.Field, v customer.Value) any {
	switch f {
	case customer.BranchCodes:
		return goavro.Union("array", list(v.List, nativeText))
	case customer.CustomerReminders:
		return goavro.Union("array", list(v.Reminders, nativeReminder))
	default:
		return goavro.Union("string", v.Text)
	}
}

func nativeRow(r bulk.Row) native {
	n := native{
		"uploadId": r.Upload, "companyId": r.Company, "row": r.Number, "line": r.Line, "prev": r.Prev,
		"operation": strings.ToUpper(string(r.Kind)), "identifiedBy": "CUSTOMER_ID", "identity": r.Identity,
		"customerId": r.CustomerID, "outstandingAmount": nativeAmount(r.Amount), "warnings": list(r.Warnings, nativeIssue),
	}
	if r.ByRef {
		n["identifiedBy"] = "UNIQUE_REF_NO"
	}
	for f, ch := range r.Changes {
		name := customer.Field(f).String()
		switch ch.Action {
		case customer.Leave:
			n[name] = nil
		case customer.Clear:
			n[name] = goavro.Union("sluice.Cleared", "CLEARED")
		case customer.Set:
			n[name] = nativeValue(customer.Field(f), ch.Value)
		}
	}
	return n
}

func nativeCustomer(c customer.Customer) native {
	n := native{"customerId": c.CustomerID, "version": c.Version, "updatedAt": c.UpdatedAt}
	for f, v := range c.Values {
		n[customer.Field(f).String()] = nil
		if v.Set {
			n[customer.Field(f).String()] = nativeValue(customer.Field(f), v)
		}
	}
	return n
}

func nativeResult(r bulk.Result) any {
	return native{
		"row": r.Row, "status": strings.ToUpper(r.Status.String()), "customerId": r.CustomerID, "version": r.Version,
		"outstandingAmount": nativeAmount(r.Amount),
		"warnings":          list(r.Warnings, nativeIssue), "errors": list(r.Errors, nativeIssue),
	}
}

func nativeBatch(b bulk.ResultBatch) native {
	n := native{
		"uploadId": b.Upload, "companyId": b.Company, "source": b.Source, "prev": b.Prev, "last": b.Last,
		"results": list(b.Results, nativeResult), "splitFinished": nil,
	}
	if b.Ends != nil {
		ends := list(b.Ends, func(n int64) any { return n })
		n["splitFinished"] = goavro.Union("sluice.SplitFinished", native{"rows": b.Rows, "ends": ends})
	}
	return n
}

func nativeChange(t *rapid.T, ch bulk.Change) native {
	document := func(doc []byte) any {
		if doc == nil {
			return nil
		}
		var c customer.Customer
		if err := event.NewCodec(event.DefaultIDs()).DecodeCustomer(doc, &c); err != nil {
			t.Fatal(err)
		}
		return goavro.Union("sluice.Customer", nativeCustomer(c))
	}
	return native{
		"uploadId": ch.Upload, "companyId": ch.Company, "customerId": ch.CustomerID, "row": ch.Row, "version": ch.Version,
		"operation":     []string{"CREATED", "UPDATED", "DELETED"}[ch.Operation],
		"changedAt":     time.UnixMilli(ch.ChangedAt).UTC(),
		"changedFields": list(ch.Fields.Names(), nativeText),
		"before":        document(ch.Before), "after": document(ch.After),
	}
}

func nativeResponse(r bulk.Response) native {
	return native{
		"uploadId": r.Upload, "companyId": r.Company, "kind": strings.ToUpper(string(r.Kind)),
		"outcome": strings.ToUpper(string(r.Outcome)), "finishedAt": time.UnixMilli(r.FinishedAt).UTC(),
		"total": r.Counters.Total, "applied": r.Counters.Applied, "unchanged": r.Counters.Unchanged,
		"failed": r.Counters.Failed, "unprocessed": r.Counters.Unprocessed, "warned": r.Counters.Warned,
		"totalAmount": r.Counters.Amount.String(), "payload": r.Body,
	}
}

func oracle(tb testing.TB, id int) *goavro.Codec {
	tb.Helper()
	text := schemas.Customer()
	for _, s := range schemas.All() {
		if s.ID == id {
			text = s.Text
		}
	}
	codec, err := goavro.NewCodec(text)
	if err != nil {
		tb.Fatal(err)
	}
	return codec
}

// sameBytes compares an encoding with the oracle's behind the given front.
func sameBytes(t *rapid.T, codec *goavro.Codec, front []byte, value any, got []byte) {
	want, err := codec.BinaryFromNative(bytes.Clone(front), value)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("encoded %x\n  oracle %x", got, want)
	}
}

func TestBytesEqualThoseOfAGeneralAvroLibrary(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.IDs{CustomerUpdate: 1, BulkResult: 258, CustomerChange: 70_000, BulkResponse: 1<<31 - 1})
	t.Run("row", func(t *testing.T) {
		t.Parallel()
		o := oracle(t, schemas.IDCustomerUpdate)
		rapid.Check(t, func(t *rapid.T) {
			r := anyRow.Draw(t, "row")
			sameBytes(t, o, []byte{0, 0, 0, 0, 1}, nativeRow(r), codec.AppendRow(nil, &r))
		})
	})
	t.Run("results", func(t *testing.T) {
		t.Parallel()
		o := oracle(t, schemas.IDBulkResult)
		rapid.Check(t, func(t *rapid.T) {
			b := anyBatch.Draw(t, "batch")
			sameBytes(t, o, []byte{0, 0, 0, 1, 2}, nativeBatch(b), codec.AppendResults(nil, &b))
		})
	})
	t.Run("change", func(t *testing.T) {
		t.Parallel()
		o := oracle(t, schemas.IDCustomerChange)
		rapid.Check(t, func(t *rapid.T) {
			ch := anyChange.Draw(t, "change")
			sameBytes(t, o, []byte{0, 0, 1, 0x11, 0x70}, nativeChange(t, ch), codec.AppendChange(nil, &ch))
		})
	})
	t.Run("response", func(t *testing.T) {
		t.Parallel()
		o := oracle(t, schemas.IDBulkResponse)
		rapid.Check(t, func(t *rapid.T) {
			r := anyResponse.Draw(t, "response")
			sameBytes(t, o, []byte{0, 0x7f, 0xff, 0xff, 0xff}, nativeResponse(r), codec.AppendResponse(nil, &r))
		})
	})
	t.Run("customer", func(t *testing.T) {
		t.Parallel()
		o := oracle(t, 0)
		rapid.Check(t, func(t *rapid.T) {
			c := anyCustomer.Draw(t, "customer")
			sameBytes(t, o, []byte{1}, nativeCustomer(c), codec.AppendCustomer(nil, &c))
		})
	})
}

// The hand-written code takes the fields in the order of their numbers.
func TestFieldsStandInTheSchemasInTheOrderOfTheirNumbers(t *testing.T) {
	t.Parallel()
	for i, s := range customer.Specs() {
		want := customer.Text
		switch s.Field {
		case customer.BranchCodes:
			want = customer.List
		case customer.CustomerReminders:
			want = customer.Reminders
		default:
		}
		if int(s.Field) != i || s.Kind != want {
			t.Errorf("field %d is %s of kind %s, want kind %s", i, s.Name, s.Kind, want)
		}
	}
}
