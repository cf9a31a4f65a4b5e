package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

var killSeeds = flag.Uint64("kill-seeds", 3, "how many random histories of kills are run")

// TestI1KilledProcessFinishesWhatItAccepted is I1 and I2: SIGKILL at random moments
// of an upload of 20,000 rows, on embedded parts.
func TestI1KilledProcessFinishesWhatItAccepted(t *testing.T) {
	const customers, rows = 2000, 20_000
	var file strings.Builder
	file.WriteString("customerId,state,address\n")
	for n := range rows {
		fmt.Fprintf(&file, "%s,State %d,Road %d\n", customerID(n%customers), n/customers, n)
	}
	for seed := range *killSeeds {
		t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			s := start(t, embedded())
			s.create(manyRows(customers))
			u := upload{file: file.String(), header: headers("Idempotency-Key", "killed", "Prefer", "wait=60")}
			var final *answer
			for kills := 0; final == nil; {
				moment := time.Duration(random.Int64N(int64(1500 * time.Millisecond)))
				final = s.sendUntil(u, moment, kills < 4)
				if final == nil {
					kills++
					s.Kill()
					s.Start()
				}
			}
			r := s.final(final)
			s.snapshot()
			if r.Success != rows || len(s.uploads("")) != 2 {
				t.Errorf("%d of %d rows succeeded in %d uploads", r.Success, rows, len(s.uploads(""))-1)
			}
			s.checkLedger(r, rows)
			s.checkChanges(company)
			for id, c := range s.customers(company) {
				if c["version"] != 1.0+rows/customers || c["state"] != fmt.Sprintf("State %d", rows/customers-1) {
					t.Errorf("customer %s is at version %v in %v, want %d", id, c["version"], c["state"], 1+rows/customers)
				}
			}
		})
	}
}

// sendUntil sends a call and gives its final answer; nil when the moment came first.
func (s *server) sendUntil(u upload, moment time.Duration, isLimited bool) *answer {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	if isLimited {
		ctx, cancel = context.WithTimeout(ctx, moment)
		defer cancel()
	}
	for {
		a, err := s.try(ctx, u.call())
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			s.t.Fatal(err)
		case a.status == http.StatusOK:
			return a
		case a.status != http.StatusAccepted:
			s.t.Fatalf("answered %d: %s", a.status, a.body)
		}
	}
}

// TestStopDuringAnUploadEndsWell: SIGTERM leaves with 0, and the upload is finished
// after the restart.
func TestStopDuringAnUploadEndsWell(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		const rows = 20_000
		waiting := make(chan *answer, 1)
		a := s.send(upload{isCreate: true, file: manyRows(rows), header: headers("Idempotency-Key", "stopped", "Prefer", "respond-async")}).want(t, 202)
		go func(c *client) { // ends with the server's drain
			a, _ := c.try(t.Context(), upload{isCreate: true, file: manyRows(rows), header: headers("Idempotency-Key", "stopped", "Prefer", "wait=60")}.call())
			waiting <- a
		}(newClient(t, s.URL))
		id := a.header.Get("Bulk-Upload-Id")
		s.Restart()
		if a := <-waiting; a != nil && a.status != http.StatusAccepted && a.status != http.StatusOK {
			t.Errorf("a call that waited through the stop was answered %d", a.status)
		}
		st := s.finished(id)
		r := s.decodeResponse(st.Response)
		r.uploadID = id
		s.snapshot()
		s.checkLedger(r, rows)
		s.checkChanges(company)
	})
}
