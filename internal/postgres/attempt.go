package postgres

import (
	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// attempt is one try at a batch, with memory that the next batch uses again.
type attempt struct {
	source sourceRow
	places []place               // beside ApplyBatch.Keys: where what was found lies
	found  []bulk.StoredCustomer // beside ApplyBatch.Keys

	rows    []foundRow // in the order in which they came
	raw     []byte     // the texts of all rows
	spans   []span     // pieces of raw: of each row the customerId and all fields
	docs    []byte
	docEnds []int // beside rows

	updates, inserts customerArrays
	one              customer.Customer
	wire             []byte
}

// place is where a customer lies in the table: its ctid in binary form.
type place struct{ tid [tidLength]byte }

// foundRow is a customer that was read.
type foundRow struct {
	key       int32 // index in ApplyBatch.Keys
	updatedAt int64 // microseconds since 2000
}

// span is a piece of attempt.raw; a negative length is null.
type span struct{ begin, length int }

// keptBytes is how much of each block an attempt keeps for the next one.
const keptBytes = 4 << 20

// trim gives up what must not live on, and memory that an unusually large batch
// needed.
func (a *attempt) trim() {
	clear(a.found)
	a.one = customer.Customer{}
	if max(cap(a.raw), cap(a.docs), cap(a.wire)) > keptBytes {
		*a = attempt{}
	}
}
