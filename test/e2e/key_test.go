package e2e_test

import (
	"bytes"
	"sync"
	"testing"
)

// TestI8KeyGivesTheFirstAnswer is I8: replays while it runs, when it is final and
// after a restart, also of a file that no limit allows any more.
func TestI8KeyGivesTheFirstAnswer(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		u := upload{isCreate: true, file: manyRows(300), header: headers("Idempotency-Key", "k1", "Prefer", "respond-async")}
		first := s.send(u).want(t, 202)
		id := first.header.Get("Bulk-Upload-Id")
		if first.header.Get("Idempotency-Replayed") != "" {
			t.Error("the first call is said to be a replay")
		}
		replay := func(status int) *answer {
			t.Helper()
			a := s.send(u)
			if status != 0 {
				a.want(t, status)
			}
			if a.header.Get("Bulk-Upload-Id") != id || a.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("a replay is upload %s, Idempotency-Replayed: %s", a.header.Get("Bulk-Upload-Id"), a.header.Get("Idempotency-Replayed"))
			}
			return a
		}
		replay(0) // 202 or 200: it may be final by now
		final := s.finished(id).Response
		if a := replay(200); !bytes.Equal(a.Payload, final) || a.header.Get("Bulk-Outcome") != "complete" {
			t.Errorf("the replay has outcome %q and differs:\n%s\n%s", a.header.Get("Bulk-Outcome"), a.Payload, final)
		}
		s.flags = append(s.flags, "--max-rows", "10", "--max-upload-bytes", "1KB")
		s.Restart()
		if a := replay(200); !bytes.Equal(a.Payload, final) {
			t.Errorf("after a restart the replay differs:\n%s\n%s", a.Payload, final)
		}
		if n := len(s.uploads("")); n != 1 {
			t.Errorf("there are %d uploads", n)
		}
	})
}

// TestOneUploadOfFiveAtOnce sends the same call five times at the same moment.
func TestOneUploadOfFiveAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(manyRows(50))
		u := upload{file: lines("customerId,state", customerID(7)+",Kerala"), header: headers("Idempotency-Key", "five", "Prefer", "wait=60")}
		var answers [5]*answer
		var wait sync.WaitGroup
		for i := range answers {
			wait.Go(func() { answers[i] = s.send(u) })
		}
		wait.Wait()
		replays := 0
		for _, a := range answers {
			a.want(t, 200)
			if a.header.Get("Bulk-Upload-Id") != answers[0].header.Get("Bulk-Upload-Id") || !bytes.Equal(a.Payload, answers[0].Payload) {
				t.Errorf("the answers differ: %s", a.body)
			}
			if a.header.Get("Idempotency-Replayed") == "true" {
				replays++
			}
		}
		if replays != 4 || len(s.uploads("")) != 2 {
			t.Errorf("%d of 5 are replays and there are %d uploads, want 4 and 2", replays, len(s.uploads("")))
		}
		if c := s.customer(company, customerID(7)); c["version"] != 2.0 {
			t.Errorf("the customer's version is %v, want 2", c["version"])
		}
		s.snapshot() // nothing of the four is left in the spool
	})
}

// TestKeyOfARefusedCallIsFree uses it again for a file that is good.
func TestKeyOfARefusedCallIsFree(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		key := headers("Idempotency-Key", "again")
		s.send(upload{isCreate: true, file: "", header: key}).want(t, 422)
		s.send(upload{isCreate: true, file: manyRows(2), header: key}).want(t, 200)
	})
}
