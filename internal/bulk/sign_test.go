package bulk_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/internal/bulk"
)

func TestFileSigner(t *testing.T) {
	s := &bulk.FileSigner{Key: []byte("a key"), Life: 24 * time.Hour}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	address := s.Sign("u1", bulk.BucketFailure, now)
	u, err := url.Parse(address)
	if err != nil || u.Path != "/api/v0/customer/bulk/uploads/u1/files/failure" || u.IsAbs() {
		t.Fatalf("the address is %s: %v", address, err)
	}
	expires, signature := u.Query().Get("expires"), u.Query().Get("signature")
	cases := []struct {
		name               string
		signer             *bulk.FileSigner
		upload             string
		bucket             bulk.Bucket
		expires, signature string
		at                 time.Time
		want               bool
	}{
		{"as_signed", s, "u1", bulk.BucketFailure, expires, signature, now, true},
		{"in_its_last_second", s, "u1", bulk.BucketFailure, expires, signature, now.Add(24 * time.Hour), true},
		{"expired", s, "u1", bulk.BucketFailure, expires, signature, now.Add(24*time.Hour + time.Second), false},
		{"another_upload", s, "u2", bulk.BucketFailure, expires, signature, now, false},
		{"another_file", s, "u1", bulk.BucketSuccess, expires, signature, now, false},
		{"a_longer_life", s, "u1", bulk.BucketFailure, expires + "0", signature, now, false},
		{"no_number", s, "u1", bulk.BucketFailure, "x", signature, now, false},
		{"no_signature", s, "u1", bulk.BucketFailure, expires, "", now, false},
		{"another_key", &bulk.FileSigner{Key: []byte("b"), Life: s.Life}, "u1", bulk.BucketFailure, expires, signature, now, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.signer.Verify(c.upload, c.bucket, c.expires, c.signature, c.at); got != c.want {
				t.Errorf("it is valid: %v", got)
			}
		})
	}
	s.PublicURL = "https://example.com/x"
	if got := s.Sign("u1", bulk.BucketSuccess, now); !strings.HasPrefix(got, "https://example.com/x/api/v0/") {
		t.Errorf("the address is %s", got)
	}
}
