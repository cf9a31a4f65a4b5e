package bulk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// FileSigner makes and checks addresses of result files that need no header: a
// path of ours with an expiry and a signature (HMAC-SHA256, RFC 2104).
type FileSigner struct {
	Key       []byte
	PublicURL string        // put before the path; empty: the path alone
	Life      time.Duration // of an address
}

// FilePath returns the path of a result file.
func FilePath(uploadID string, b Bucket) string {
	return "/api/v0/customer/bulk/uploads/" + uploadID + "/files/" + string(b)
}

// Sign returns the address of a result file, valid from now for Life.
func (s *FileSigner) Sign(uploadID string, b Bucket, now time.Time) string {
	path, expires := FilePath(uploadID, b), now.Add(s.Life).Unix()
	q := url.Values{"expires": {strconv.FormatInt(expires, 10)}, "signature": {s.signature(path, expires)}}
	return s.PublicURL + path + "?" + q.Encode()
}

// Verify reports whether an address was made by Sign and has not expired.
func (s *FileSigner) Verify(uploadID string, b Bucket, expires, signature string, now time.Time) bool {
	at, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || now.Unix() > at {
		return false
	}
	return hmac.Equal([]byte(signature), []byte(s.signature(FilePath(uploadID, b), at)))
}

func (s *FileSigner) signature(path string, expires int64) string {
	h := hmac.New(sha256.New, s.Key)
	h.Write(fmt.Appendf(nil, "GET\n%s\n%d", path, expires)) // a hash never fails
	return hex.EncodeToString(h.Sum(nil))
}
