package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestHealthAndReadiness say that the process is there and which parts are ready.
func TestHealthAndReadiness(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		if a := s.get("/healthz").want(t, 200); string(a.body) != "ok\n" {
			t.Errorf("/healthz says %q", a.body)
		}
		var report struct {
			Ready bool
			Parts map[string]struct{ Ready bool }
		}
		if err := json.Unmarshal(s.get("/readyz").want(t, 200).body, &report); err != nil || !report.Ready || len(report.Parts) < 2 {
			t.Errorf("/readyz says %+v (%v)", report, err)
		}
		for name, part := range report.Parts {
			if !part.Ready {
				t.Errorf("part %s is not ready", name)
			}
		}
		var document struct {
			OpenAPI string `json:"openapi"`
			Paths   map[string]any
		}
		if err := json.Unmarshal(s.get("/openapi.json").want(t, 200).body, &document); err != nil || document.Paths[updatePath] == nil {
			t.Errorf("/openapi.json has %d paths (%v)", len(document.Paths), err)
		}
	})
}

// TestRegistryGivesTheSchemaOfEachRecord to ordinary Avro consumers.
func TestRegistryGivesTheSchemaOfEachRecord(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		r := s.create(manyRows(3))
		s.snapshot()
		var subjects []string
		if err := json.Unmarshal(s.get("/subjects").want(t, 200).body, &subjects); err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{"customer.updates", "bulk.results", "customer.changes", "bulk.responses"} {
			subject := topic + "-value"
			if !slices.Contains(subjects, subject) {
				t.Errorf("there is no subject %s among %v", subject, subjects)
			}
			var latest struct {
				Subject, Schema string
				ID, Version     int
			}
			a := s.get("/subjects/"+subject+"/versions/latest").want(t, 200)
			if err := json.Unmarshal(a.body, &latest); err != nil || latest.Subject != subject || latest.Version < 1 {
				t.Fatalf("the latest version of %s is %+v (%v)", subject, latest, err)
			}
			events := s.events(topic, r.uploadID)
			if len(events) == 0 {
				t.Errorf("%s has no event of the upload", topic)
			}
			for _, e := range events {
				if id := int(e.Value[3])<<8 | int(e.Value[4]); id != latest.ID {
					t.Errorf("a record of %s has schema %d, want %d", topic, id, latest.ID)
				}
			}
			if _, err := goavro.NewCodec(latest.Schema); err != nil {
				t.Errorf("the schema of %s: %v", subject, err)
			}
		}
		for path, code := range map[string]int{"/subjects/nothing-value/versions/1": 40401, "/subjects/customer.changes-value/versions/99": 40402, "/schemas/ids/99999": 40403} {
			var e struct {
				Code    int `json:"error_code"`
				Message string
			}
			if err := json.Unmarshal(s.get(path).want(t, 404).body, &e); err != nil || e.Code != code {
				t.Errorf("%s answers %+v (%v), want %d", path, e, err, code)
			}
		}
	})
}

// TestChangesCarryCloudEventsHeaders and the customer before and after.
func TestChangesCarryCloudEventsHeaders(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName,state", customerID(1)+",One,Goa"))
		r := s.apply(upload{file: lines("customerId,legalName,state", customerID(1)+",Uno,#NULL")})
		s.snapshot()
		events := s.events("customer.changes", r.uploadID)
		if len(events) != 1 {
			t.Fatalf("there are %d changes", len(events))
		}
		e := events[0]
		for name, want := range map[string]string{
			"ce_specversion": "1.0", "ce_id": r.uploadID + "/1", "ce_type": "sluice.customer.updated",
			"content-type": "application/vnd.confluent.avro", "upload": r.uploadID, "row": "1",
		} {
			if got := e.header(name); got != want {
				t.Errorf("header %s is %q, want %q", name, got, want)
			}
		}
		if string(e.Key) != company+"/"+customerID(1) || e.value["version"] != int64(2) || fmt.Sprint(e.value["changedFields"]) != "[legalName state]" {
			t.Errorf("the change is keyed %s and says %v", e.Key, e.value)
		}
		before, _ := plain(e.value["before"]).(map[string]any)
		after, _ := plain(e.value["after"]).(map[string]any)
		if before["legalName"] != "One" || before["state"] != "Goa" || after["legalName"] != "Uno" || after["state"] != nil {
			t.Errorf("before %v and after %v", before, after)
		}
	})
}

// TestI9PoisonRecordDelaysNobody is I9 for bytes that nobody can read.
func TestI9PoisonRecordDelaysNobody(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.toleratesErrors = true // a dead letter may be worth a person's look
		s.create(manyRows(10))
		letters := total(s.ends("bulk.deadletters"))
		k := s.kafka()
		defer k.Close()
		poison := []byte("\x00\x00\x00\x00\x01poison")
		sent := 0
		for p := range s.ends("customer.updates", "bulk.results") {
			for _, value := range [][]byte{poison, {}, nil, []byte("not even a prefix")} {
				record := &kgo.Record{Topic: p.topic, Partition: p.partition, Key: []byte("poison"), Value: value, Timestamp: time.Now()}
				if err := k.ProduceSync(t.Context(), record).FirstErr(); err != nil {
					t.Fatal(err)
				}
				sent++
			}
		}
		file := "customerId,state\n"
		for n := range 10 {
			file += customerID(n) + ",Kerala\n"
		}
		s.apply(upload{file: file}).wantCounts(t, 10, 0, 0)
		eventually(t, "every poison record is a dead letter", func() bool {
			return total(s.ends("bulk.deadletters")) >= letters+int64(sent)
		})
		found := 0
		for _, r := range s.records("bulk.deadletters") {
			e := event{Record: r}
			if string(r.Key) == "poison" && string(r.Value) == string(poison) && e.header("reason") != "" && e.header("topic") != "" && e.header("offset") != "" {
				found++
			}
		}
		if found*4 < sent {
			t.Errorf("%d of the %d poisoned partitions have their dead letter as received, with reason and position", found, sent/4)
		}
		if strings.Contains(s.log.String(), "poison") {
			t.Error("the log has contents of records")
		}
		s.Restart()
		s.apply(upload{file: file}).wantCounts(t, 10, 0, 0)
	})
}
