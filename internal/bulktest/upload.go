package bulktest

import (
	"context"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// NewUpload builds an update of Company that was just read and found good.
func NewUpload(id string) *bulk.Upload {
	return &bulk.Upload{
		ID: id, Company: Company, Kind: bulk.KindUpdate, Options: bulk.DefaultOptions(), FileName: "customers.csv",
		Rules: bulk.RuleVersion, State: bulk.StateAccepted, Header: []byte("customerId"), Warnings: []customer.Issue{},
		AcceptedAt: time.Now().UTC(),
	}
}

// Rest waits, which costs nothing on virtual time, or until ctx ends.
func Rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
