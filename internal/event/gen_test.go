package event_test

import (
	"time"

	"pgregory.net/rapid"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// Generators of domain values in the form that decoding gives back: members
// that do not count are zero, empty lists are nil.

var (
	anyText   = rapid.OneOf(rapid.String(), rapid.StringN(0, 300, -1), rapid.SampledFrom([]string{"", "REF-000001", "x\x00y", "नमस्ते"}))
	anyAmount = rapid.Custom(func(t *rapid.T) customer.Decimal {
		d := customer.DecimalFromUnits(rapid.Int64().Draw(t, "units"))
		return d.Add(customer.DecimalFromParts(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "hi"), 0))
	})
	anyIssue = rapid.Custom(func(t *rapid.T) customer.Issue {
		return customer.Issue{
			Field: anyText.Draw(t, "field"), Column: -1, Rejected: anyText.Draw(t, "rejected"),
			Code: customer.Code(anyText.Draw(t, "code")), Message: anyText.Draw(t, "message"),
		}
	})
	anyReminder = rapid.Custom(func(t *rapid.T) customer.Reminder {
		return customer.Reminder{
			CustomerReminderID: anyText.Draw(t, "id"),
			DueDateDifference:  rapid.Int32().Draw(t, "difference"), ReminderInterval: rapid.Int32().Draw(t, "interval"),
			ReminderTime: anyText.Draw(t, "time"), ReminderType: anyText.Draw(t, "type"), Stage: anyText.Draw(t, "stage"),
		}
	})
	anyKind    = rapid.SampledFrom([]bulk.Kind{bulk.KindUpdate, bulk.KindCreate})
	anyOutcome = rapid.SampledFrom([]bulk.Outcome{bulk.OutcomeComplete, bulk.OutcomePartial, bulk.OutcomeNone})
	anyMillis  = rapid.Int64Range(-62_135_596_800_000, 253_402_300_799_999)
)

func listOf[T any](t *rapid.T, g *rapid.Generator[T], least, most int, label string) []T {
	list := rapid.SliceOfN(g, least, most).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	return list
}

func anyValue(t *rapid.T, f customer.Field) customer.Value {
	switch f {
	case customer.BranchCodes:
		return customer.Value{Set: true, List: listOf(t, anyText, 1, 80, "list")}
	case customer.CustomerReminders:
		return customer.Value{Set: true, Reminders: listOf(t, anyReminder, 1, 3, "reminders")}
	default:
		return customer.Value{Set: true, Text: anyText.Draw(t, "text")}
	}
}

var anyRow = rapid.Custom(func(t *rapid.T) bulk.Row {
	r := bulk.Row{
		Upload: anyText.Draw(t, "upload"), Company: anyText.Draw(t, "company"), Kind: anyKind.Draw(t, "kind"),
		Number: rapid.Int64().Draw(t, "number"), Line: rapid.Int64().Draw(t, "line"), Prev: rapid.Int64().Draw(t, "prev"),
		ByRef: rapid.Bool().Draw(t, "byRef"), Identity: anyText.Draw(t, "identity"), CustomerID: anyText.Draw(t, "customerId"),
		Amount: anyAmount.Draw(t, "amount"), Warnings: listOf(t, anyIssue, 0, 3, "warnings"),
	}
	for f := range r.Changes {
		ch := &r.Changes[f]
		ch.Action = customer.Action(rapid.IntRange(0, 2).Draw(t, "action"))
		if ch.Action == customer.Set {
			ch.Value = anyValue(t, customer.Field(f))
		}
	}
	return r
})

var anyCustomer = rapid.Custom(func(t *rapid.T) customer.Customer {
	c := customer.Customer{
		CustomerID: anyText.Draw(t, "customerId"), Version: rapid.Int64().Draw(t, "version"),
		UpdatedAt: time.UnixMilli(anyMillis.Draw(t, "updatedAt")).UTC(),
	}
	for f := range c.Values {
		if rapid.Bool().Draw(t, "set") {
			c.Values[f] = anyValue(t, customer.Field(f))
		}
	}
	return c
})

var anyResult = rapid.Custom(func(t *rapid.T) bulk.Result {
	return bulk.Result{
		Row: rapid.Int64().Draw(t, "row"), Status: bulk.Status(rapid.IntRange(0, 3).Draw(t, "status")),
		CustomerID: anyText.Draw(t, "customerId"), Version: rapid.Int64().Draw(t, "version"),
		Amount:   anyAmount.Draw(t, "amount"),
		Warnings: listOf(t, anyIssue, 0, 2, "warnings"), Errors: listOf(t, anyIssue, 0, 2, "errors"),
	}
})

var anyBatch = rapid.Custom(func(t *rapid.T) bulk.ResultBatch {
	b := bulk.ResultBatch{
		Upload: anyText.Draw(t, "upload"), Company: anyText.Draw(t, "company"), Source: rapid.Int32().Draw(t, "source"),
		Prev: rapid.Int64().Draw(t, "prev"), Last: rapid.Int64().Draw(t, "last"),
		Results: listOf(t, anyResult, 0, 80, "results"),
	}
	if rapid.Bool().Draw(t, "ended") {
		b.Rows = rapid.Int64().Draw(t, "rows")
		b.Ends = rapid.SliceOfN(rapid.Int64(), 0, 70).Draw(t, "ends")
	}
	return b
})

// rangedBatch has rows that rise within (Prev, Last], as real ones do.
var rangedBatch = rapid.Custom(func(t *rapid.T) bulk.ResultBatch {
	b := anyBatch.Draw(t, "batch")
	row := rapid.Int64Range(0, 1<<40).Draw(t, "prev")
	b.Prev = row
	for i := range b.Results {
		row += rapid.Int64Range(1, 100).Draw(t, "step")
		b.Results[i].Row = row
	}
	b.Last = row
	return b
})

var anyChange = rapid.Custom(func(t *rapid.T) bulk.Change {
	codec := event.NewCodec(event.DefaultIDs())
	ch := bulk.Change{
		Upload: anyText.Draw(t, "upload"), Company: anyText.Draw(t, "company"), CustomerID: anyText.Draw(t, "customerId"),
		Row: rapid.Int64().Draw(t, "row"), Version: rapid.Int64().Draw(t, "version"),
		Operation: bulk.Operation(rapid.IntRange(0, 2).Draw(t, "operation")), ChangedAt: anyMillis.Draw(t, "changedAt"),
		Fields: customer.FieldSet(rapid.Uint32Range(0, 1<<customer.NumFields-1).Draw(t, "fields")),
	}
	if rapid.Bool().Draw(t, "hasBefore") {
		c := anyCustomer.Draw(t, "before")
		ch.Before = codec.AppendCustomer(nil, &c)
	}
	if rapid.Bool().Draw(t, "hasAfter") {
		c := anyCustomer.Draw(t, "after")
		ch.After = codec.AppendCustomer(nil, &c)
	}
	return ch
})

var anyResponse = rapid.Custom(func(t *rapid.T) bulk.Response {
	return bulk.Response{
		Upload: anyText.Draw(t, "upload"), Company: anyText.Draw(t, "company"),
		Kind: anyKind.Draw(t, "kind"), Outcome: anyOutcome.Draw(t, "outcome"), FinishedAt: anyMillis.Draw(t, "finishedAt"),
		Counters: bulk.Counters{
			Total: rapid.Int64().Draw(t, "total"), Applied: rapid.Int64().Draw(t, "applied"),
			Unchanged: rapid.Int64().Draw(t, "unchanged"), Failed: rapid.Int64().Draw(t, "failed"),
			Unprocessed: rapid.Int64().Draw(t, "unprocessed"), Warned: rapid.Int64().Draw(t, "warned"),
			Amount: anyAmount.Draw(t, "amount"),
		},
		Body: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body"),
	}
})

// anyRecord is a record of any topic, with what a foreign producer might send.
var anyRecord = rapid.Custom(func(t *rapid.T) bulk.Record {
	topics := []string{bulk.TopicUpdates, bulk.TopicResults, bulk.TopicChanges, bulk.TopicResponses, bulk.TopicDeadLetters, "other"}
	keys := []string{"upload", "row", "ce_id", "content-type", "x-foreign", ""}
	nilable := func(label string) []byte {
		if rapid.Bool().Draw(t, label+"IsNil") {
			return nil
		}
		return rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, label)
	}
	r := bulk.Record{
		Topic: rapid.SampledFrom(topics).Draw(t, "topic"), Partition: bulk.AnyPartition,
		Key: nilable("key"), Value: nilable("value"),
	}
	for range rapid.IntRange(0, 5).Draw(t, "headers") {
		r.Headers = append(r.Headers, bulk.Header{Key: rapid.SampledFrom(keys).Draw(t, "header"), Value: nilable("headerValue")})
	}
	return r
})
