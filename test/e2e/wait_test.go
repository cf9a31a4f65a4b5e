package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tmaxmax/go-sse"
)

// stream reads an upload's server-sent events to their end.
func (s *server) stream(uploadID, lastEventID string) []sse.Event {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+uploadsPath+"/"+uploadID+"/events", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := s.http.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/event-stream" {
		s.t.Fatalf("the events answer %d with %s", response.StatusCode, got)
	}
	var events []sse.Event
	for e, err := range sse.Read(response.Body, &sse.ReadConfig{MaxEventSize: 4 << 20}) {
		if err != nil {
			s.t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(events) == 0 || events[len(events)-1].Type != "response" {
		s.t.Fatalf("the %d events do not end with the response", len(events))
	}
	return events
}

// manyRows makes the file that creates n customers.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("customerId,legalName,state\n")
	for i := range n {
		fmt.Fprintf(&b, "%s,Customer %d,Goa\n", customerID(i), i)
	}
	return b.String()
}

// TestPreferDecidesHowLongACallWaits is 200, 202 and Preference-Applied.
func TestPreferDecidesHowLongACallWaits(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		file := manyRows(3)
		for i, c := range []struct {
			prefer, applied string
			status          int
		}{
			{"", "", 200},
			{"wait=60", "wait=60", 200},
			{`wait="30"`, "wait=30", 200},
			{"wait=61", "", 200},
			{"wait=soon", "", 200},
			{"handling=strict, wait=20; x=1", "wait=20", 200},
			{"wait=0", "wait=0", 202},
			{"respond-async", "respond-async", 202},
			{"respond-async, wait=30", "respond-async", 202},
		} {
			u := upload{isCreate: true, company: fmt.Sprintf("CEKWAIT%03d", i), file: file, header: headers("Prefer", c.prefer)}
			a := s.send(u).want(t, c.status)
			id := a.header.Get("Bulk-Upload-Id")
			if got := a.header.Get("Preference-Applied"); got != c.applied {
				t.Errorf("Prefer: %s is answered with Preference-Applied: %q, want %q", c.prefer, got, c.applied)
			}
			if got := a.header.Get("Location"); got != uploadsPath+"/"+id {
				t.Errorf("Location is %q", got)
			}
			if c.status == 200 {
				if a.header.Get("Bulk-Outcome") != "complete" {
					t.Errorf("Bulk-Outcome is %q", a.header.Get("Bulk-Outcome"))
				}
				continue
			}
			if a.header.Get("Retry-After") == "" || a.header.Get("Bulk-Outcome") != "" {
				t.Errorf("202 comes with Retry-After %q and Bulk-Outcome %q", a.header.Get("Retry-After"), a.header.Get("Bulk-Outcome"))
			}
			if r := s.decodeResponse(a.Payload); r.Total != 3 || r.SuccessFileURL != nil {
				t.Errorf("the counts so far are %s", a.Payload)
			}
			if st := s.finished(id); st.Upload.Counters.Applied != 3 {
				t.Errorf("in the end the counters are %+v", st.Upload.Counters)
			}
		}
	})
}

// TestWaitCanBeConfigured has a server that never waits.
func TestWaitCanBeConfigured(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b, "--wait", "0s", "--public-url", "https://sluice.example.com/base")
		a := s.send(upload{isCreate: true, file: manyRows(1)}).want(t, 202)
		if got := a.header.Get("Location"); !strings.HasPrefix(got, "https://sluice.example.com/base/api/v0/") {
			t.Errorf("with a public URL Location is %q", got)
		}
		id := a.header.Get("Bulk-Upload-Id")
		st := s.finished(id)
		r := s.decodeResponse(st.Response)
		if !strings.HasPrefix(*r.SuccessFileURL, "https://sluice.example.com/base/api/v0/") {
			t.Errorf("with a public URL the file is at %q", *r.SuccessFileURL)
		}
	})
}

// TestStatusShowsWhatTheFileWas is the resource's other half.
func TestStatusShowsWhatTheFileWas(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		file := "\xEF\xBB\xBFcustomerId,legalName\r\n" + customerID(1) + ",One\r\n"
		r := s.apply(upload{isCreate: true, file: file, name: "a.csv"})
		u := s.status(r.uploadID).Upload
		if u.Kind != "create" || u.CompanyID != company || u.FileName != "a.csv" || u.State != "finished" || u.SHA256 != sum(file) {
			t.Errorf("the upload is %+v", u)
		}
		if !u.Dialect.BOM || u.Dialect.LineEnding != "CRLF" || u.Dialect.Format != "csv" || u.Dialect.Encoding != "UTF-8" || u.Dialect.Delimiter != "," {
			t.Errorf("the dialect is %+v", u.Dialect)
		}
		if u.FinishedAt == nil || u.FinishedAt.Before(u.AcceptedAt) {
			t.Errorf("accepted at %v and finished at %v", u.AcceptedAt, u.FinishedAt)
		}
		if u.Links.Self != uploadsPath+"/"+r.uploadID || u.Links.Failure != nil || u.Links.Success == nil || *u.Links.Success != u.Links.Self+"/files/success" {
			t.Errorf("the links are %+v", u.Links)
		}
	})
}

// TestEventsGrowAndResume reads the stream of a running upload, and again from
// the middle.
func TestEventsGrowAndResume(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		const rows = 20_000
		a := s.send(upload{isCreate: true, file: manyRows(rows), header: headers("Prefer", "respond-async")}).want(t, 202)
		id := a.header.Get("Bulk-Upload-Id")
		events := s.stream(id, "")
		last := int64(-1)
		for _, e := range events[:len(events)-1] {
			var data struct {
				State    string
				Counters counters
			}
			if err := decodeJSON([]byte(e.Data), &data); err != nil {
				t.Fatal(err)
			}
			if done := data.Counters.done(); e.Type != "progress" || fmt.Sprint(done) != e.LastEventID || done <= last || data.Counters.Total != rows {
				t.Errorf("after %d comes event %q, %s: %s", last, e.LastEventID, e.Type, e.Data)
			}
			last = data.Counters.done()
		}
		if end := events[len(events)-1]; end.LastEventID != fmt.Sprint(rows) || last != rows {
			t.Errorf("the last events have ids %d and %s, want %d", last, end.LastEventID, rows)
		}
		for after, want := range map[string]int{fmt.Sprint(rows): 1, fmt.Sprint(rows - 1): 2, "x": 2, "0": 2} {
			if got := s.stream(id, after); len(got) != want {
				t.Errorf("after Last-Event-ID %s come %d events, want %d", after, len(got), want)
			}
		}
	})
}

// TestClientThatGoesAwayLosesNothing hangs up once its whole file is sent (I1).
func TestClientThatGoesAwayLosesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		const rows = 5000
		k := upload{isCreate: true, file: manyRows(rows)}.call()
		body, err := io.ReadAll(k.body())
		if err != nil {
			t.Fatal(err)
		}
		conn := s.rawCall(k, string(body), fmt.Sprintf("Content-Length: %d", len(body)), "Prefer: wait=60")
		eventually(t, "the upload is accepted", func() bool { return len(s.uploads("")) == 1 })
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		st := s.finished(s.uploads("")[0].UploadID)
		if st.Upload.Counters.Applied != rows {
			t.Errorf("%d of %d rows are applied", st.Upload.Counters.Applied, rows)
		}
	})
}
