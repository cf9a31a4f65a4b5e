package apply

import (
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// write turns the folded batch into what the transaction is to write.
func (f *folder) write(v *bulk.ApplyView) *bulk.ApplyWrite {
	w := &bulk.ApplyWrite{Customers: make([]bulk.CustomerWrite, 0, len(f.order))}
	for _, c := range f.order {
		if c.version == c.old.Version {
			continue
		}
		ref, name := c.cust.Values[customer.UniqueRefNo].Text, c.cust.Values[customer.LegalName].Text
		w.Customers = append(w.Customers, bulk.CustomerWrite{
			Found: c.found, Company: c.name.company, CustomerID: c.name.id,
			OldVersion: c.old.Version, Version: c.version, Doc: c.doc,
			Ref: ref, RefChanged: ref != c.oldRef, Name: name, NameChanged: name != c.oldName,
		})
	}
	for i, upload := range f.uploads {
		if f.gap[i] {
			w.Resend = append(w.Resend, upload)
		}
		if f.marks[i].Last == v.Marks[i].Last {
			continue
		}
		w.Marks = append(w.Marks, bulk.MarkMove{Upload: upload, From: v.Marks[i].Last, To: f.marks[i].Last})
		f.out.Results(&bulk.ResultBatch{
			Upload: upload, Company: f.marks[i].Company, Source: f.src.Partition,
			Prev: v.Marks[i].Last, Last: f.marks[i].Last, Results: f.results[i],
		}, maxResultBytes)
		w.JournalUploads = append(w.JournalUploads, upload)
	}
	out := f.out.Records()
	for i := range out {
		f.journal = event.AppendJournal(f.journal, &out[i])
	}
	if len(out) > 0 {
		f.packed = event.Compress(f.packed[:0], f.journal)
		w.Journal = f.packed
	}
	return w
}

// takeRecords gives the batch's records away: they are the publish's now.
func (f *folder) takeRecords() *event.Builder {
	out := f.out
	f.out = nil
	return out
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
