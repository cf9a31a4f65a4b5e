package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	updatePath  = "/api/v0/customer/bulk/update"
	createPath  = "/api/v0/customer/bulk"
	uploadsPath = "/api/v0/customer/bulk/uploads"
	searchPath  = "/api/v0/customer/search"

	// company is the tests' usual one; another is one that also exists.
	company = "CEKE2E0001"
	another = "CEKE2E0002"
)

// customerID makes a valid customerId.
func customerID(n int) string { return fmt.Sprintf("KC%014d", n) }

// lines makes a file: each line ends with LF.
func lines(line ...string) string { return strings.Join(line, "\n") + "\n" }

// upload is a call that brings a file.
type upload struct {
	isCreate bool
	company  string // "": the usual one
	file     string
	name     string     // of the file; "": customers.csv
	options  url.Values // further parameters
	header   http.Header
}

func (u upload) call() call {
	k := call{method: http.MethodPost, path: updatePath, query: url.Values{}, header: u.header.Clone()}
	if u.company == "" {
		u.company = company
	}
	if u.isCreate {
		k.path = createPath
		k.query.Set("companyId", u.company)
	} else {
		k.query.Set("parentCompanyId", u.company)
	}
	for name, values := range u.options {
		k.query[name] = values
	}
	if k.header == nil {
		k.header = http.Header{}
	}
	if u.name == "" {
		u.name = "customers.csv"
	}
	body, contentType := form(part{"file", u.name, u.file})
	k.header.Set("Content-Type", contentType)
	k.body = text(body)
	return k
}

// part is one part of a multipart body; without a name of a file it is a field.
type part struct{ name, fileName, content string }

func form(parts ...part) (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		disposition := fmt.Sprintf(`form-data; name="%s"`, p.name)
		if p.fileName != "" {
			disposition += fmt.Sprintf(`; filename="%s"`, p.fileName)
			h.Set("Content-Type", "text/csv")
		}
		h.Set("Content-Disposition", disposition)
		out, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(out, p.content)
		}
		if err != nil {
			return err.Error(), "" // a bytes.Buffer takes everything
		}
	}
	_ = w.Close() // likewise
	return b.String(), w.FormDataContentType()
}

// send makes the call and returns whatever comes back.
func (c *client) send(u upload) *answer {
	c.t.Helper()
	return c.do(u.call())
}

// apply sends an upload and wants its final response.
func (c *client) apply(u upload) *response {
	c.t.Helper()
	if u.header == nil {
		u.header = http.Header{}
	}
	if u.header.Get("Prefer") == "" {
		u.header.Set("Prefer", "wait=60")
	}
	return c.final(c.send(u))
}

// final reads a final response.
func (c *client) final(a *answer) *response {
	c.t.Helper()
	a.want(c.t, http.StatusOK)
	r := c.decodeResponse(a.Payload)
	r.uploadID, r.outcome = a.header.Get("Bulk-Upload-Id"), a.header.Get("Bulk-Outcome")
	return r
}

func (c *client) decodeResponse(payload []byte) *response {
	c.t.Helper()
	var r response
	if err := decodeJSON(payload, &r); err != nil {
		c.t.Fatal(err)
	}
	r.raw = payload
	return &r
}

// create sends customers that must all be made.
func (c *client) create(file string, of ...string) *response {
	c.t.Helper()
	u := upload{isCreate: true, file: file}
	if len(of) > 0 {
		u.company = of[0]
	}
	r := c.apply(u)
	if r.Success != r.Total {
		c.t.Fatalf("%d of %d customers could be created: %s", r.Success, r.Total, r.raw)
	}
	return r
}

// status reads an upload's resource.
func (c *client) status(uploadID string) *status {
	c.t.Helper()
	var s status
	c.get(uploadsPath+"/"+uploadID).want(c.t, http.StatusOK).payload(c.t, &s)
	return &s
}

// finished waits until an upload has its response.
func (c *client) finished(uploadID string) *status {
	c.t.Helper()
	var s *status
	eventually(c.t, "upload "+uploadID+" has its response", func() bool {
		s = c.status(uploadID)
		return s.Upload.State == "finished"
	})
	return s
}

// file fetches a result file by the address of the response.
func (c *client) file(address *string) string {
	c.t.Helper()
	if address == nil {
		c.t.Fatal("the response names no such file")
	}
	return string(c.get(*address).want(c.t, http.StatusOK).body)
}

// customer reads a customer back.
func (c *client) customer(of, id string) map[string]any {
	c.t.Helper()
	var m map[string]any
	c.get("/api/v0/customer/"+id+"?parentCompanyId="+of).want(c.t, http.StatusOK).payload(c.t, &m)
	return m
}

// customers lists every customer of a company by customerId.
func (c *client) customers(of string) map[string]map[string]any {
	c.t.Helper()
	all := map[string]map[string]any{}
	for cursor := ""; ; {
		var page struct {
			Customers []map[string]any `json:"customers"`
			Next      *string          `json:"next"`
		}
		body, err := json.Marshal(map[string]any{"companyId": of, "limit": 100, "cursor": cursor})
		if err != nil {
			c.t.Fatal(err)
		}
		c.postJSON(searchPath, string(body)).want(c.t, http.StatusOK).payload(c.t, &page)
		for _, m := range page.Customers {
			all[fmt.Sprint(m["customerId"])] = m
		}
		if page.Next == nil {
			return all
		}
		cursor = *page.Next
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(callTimeout)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it did not come to be that %s", what)
		}
	}
}

// sum is a file's SHA-256.
func sum(file string) string {
	h := sha256.Sum256([]byte(file))
	return hex.EncodeToString(h[:])
}
