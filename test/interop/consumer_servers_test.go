//go:build servers

package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os/exec"
	"reflect"
	"strings"

	"sluice/internal/bulk"
	"sluice/internal/testenv"
)

// seen is what consumer.py prints.
type seen struct {
	Customers map[string]map[string]map[string]any // by company and id: folded by version
	Records   map[string]int64                     // by topic, redelivered ones included
	Changes   map[string]int64                     // different rows by upload
	Results   map[string]map[string]int64          // different rows by upload and status
	Responses map[string][]string                  // different payloads by upload
}

// consume runs the independent consumer.
func (w *world) consume(p *process) *seen {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), settleTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, testenv.Python(w.t), "consumer.py", p.kafka, p.base)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("the independent consumer: %v\n%s", err, &stderr)
	}
	var s seen
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
		w.t.Fatalf("reading what the independent consumer saw: %v", err)
	}
	return &s
}

// agreeTopics compares each upload's results, changes and response on the topics.
func (w *world) agreeTopics(s *seen, expected []bulk.Counters) {
	w.t.Helper()
	for i, u := range w.uploads {
		want := map[string]int64{}
		c := &expected[i]
		for status, n := range map[string]int64{"APPLIED": c.Applied, "UNCHANGED": c.Unchanged, "FAILED": c.Failed, "UNPROCESSED": c.Unprocessed} {
			if n > 0 {
				want[status] = n
			}
		}
		if !maps.Equal(s.Results[u.id], want) {
			w.t.Errorf("%s: bulk.results has %v, want %v", u, s.Results[u.id], want)
		}
		if s.Changes[u.id] != c.Applied {
			w.t.Errorf("%s: customer.changes has %d rows, want %d", u, s.Changes[u.id], c.Applied)
		}
		if bodies := s.Responses[u.id]; len(bodies) != 1 || bodies[0] != string(u.response) {
			w.t.Errorf("%s: bulk.responses has %d different payloads, want the caller's alone:\n%.500s\n%.500s", u, len(bodies), bodies, u.response)
		}
	}
	for what, n := range map[string]int{"bulk.results": len(s.Results), "bulk.responses": len(s.Responses)} {
		if n != len(w.uploads) {
			w.t.Errorf("%s speaks of %d uploads, want %d", what, n, len(w.uploads))
		}
	}
}

// agreeStore compares the customers that the changes fold to with those that the
// server reads back: all of them by search, every tenth also by its id. Each
// applied row is one version.
func (w *world) agreeStore(p *process, s *seen) {
	w.t.Helper()
	companies := map[string]bool{}
	for _, u := range w.uploads {
		companies[u.company] = true
	}
	if len(s.Customers) != len(companies) {
		w.t.Errorf("changes speak of %d companies, want %d", len(s.Customers), len(companies))
	}
	var versions, changes float64
	for company := range companies {
		found := p.customers(company)
		folded := s.Customers[company]
		if len(found) != len(folded) {
			w.t.Errorf("%s: the store has %d customers and the changes fold to %d", company, len(found), len(folded))
		}
		for id, c := range folded {
			read := c
			if strings.HasSuffix(id, "0") {
				read = nil
				p.read("/api/v0/customer/"+id+"?companyId="+company, &read)
			}
			if !reflect.DeepEqual(found[id], any(c)) || !reflect.DeepEqual(read, c) {
				w.t.Fatalf("%s: the changes fold to\n%v, search finds\n%v, and the customer reads\n%v", company, c, found[id], read)
			}
			version, _ := c["version"].(float64)
			versions += version
		}
	}
	for _, n := range s.Changes {
		changes += float64(n)
	}
	if versions != changes {
		w.t.Errorf("the customers' versions sum up to %.0f, and there are %.0f changes", versions, changes)
	}
}
