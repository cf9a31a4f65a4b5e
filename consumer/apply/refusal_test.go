package apply_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
)

// TestRefusedCustomers: rows of a customer that the store refuses fail, the batch
// is applied without them, and makes one journal row.
func TestRefusedCustomers(t *testing.T) {
	for _, isDuplicate := range []bool{false, true} {
		t.Run(fmt.Sprintf("duplicate_%v", isDuplicate), func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.seed(3)
				r.accept(bulktest.Upload)
				seq := r.progress().Seq
				r.store = &refusing{FullStore: r.store, refused: bulk.RefusedCustomer{
					Company: bulktest.Company, CustomerID: bulktest.CustomerID(2), IsDuplicateRef: isDuplicate, Reason: "a constraint",
				}}
				r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(2), setRef("taken")),
					bulktest.Row(at(3, 2), about(3), setRef("free")), bulktest.Row(at(4, 3), about(2), setRef("taken")))
				r.applyAll()
				code := customer.StoreRefused
				if isDuplicate {
					code = customer.DuplicateReference
				}
				r.wantResults(bulktest.Upload, "1 applied", "2 failed "+string(code), "3 applied", "4 failed "+string(code))
				if p := r.progress(); p.Seq != seq+1 {
					t.Errorf("the batch made %d journal rows", p.Seq-seq)
				}
				if v := r.customer(2).Version; v != 1 {
					t.Errorf("the refused customer has version %d", v)
				}
			})
		})
	}
}

// refusing is a store that refuses one customer for good.
type refusing struct {
	bulktest.FullStore
	refused bulk.RefusedCustomer
}

func (s *refusing) Apply(ctx context.Context, b *bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error)) error {
	return s.FullStore.Apply(ctx, b, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w, err := decide(v)
		if err == nil && slices.ContainsFunc(w.Customers, func(c bulk.CustomerWrite) bool { return c.CustomerID == s.refused.CustomerID }) {
			return nil, &bulk.RefusedError{Customers: []bulk.RefusedCustomer{s.refused}}
		}
		return w, err
	})
}

// TestReferenceTakenMeanwhile: a refusal that shows itself on the second reading
// fails only the row that asks for the reference.
func TestReferenceTakenMeanwhile(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.seed(3)
		r.accept(bulktest.Upload)
		readings := 0
		r.lend(func(v *bulk.ApplyView) { // the store's first try, and its careful one, do not see who holds R3
			if readings++; readings <= 2 {
				for i := range v.Found {
					if v.Found[i].CustomerID == bulktest.CustomerID(3) {
						v.Found[i] = bulk.StoredCustomer{}
					}
				}
			}
		})
		r.put(bulktest.Row(at(1, 0), about(1), state("Goa")), bulktest.Row(at(2, 1), about(1), setRef("R3")), bulktest.Row(at(3, 2), about(1), state("Kerala")))
		r.applyAll()
		r.wantResults(bulktest.Upload, "1 applied", "2 failed DUPLICATE_REFERENCE", "3 applied")
	})
}
