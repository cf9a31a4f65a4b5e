package customer

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
)

// GenerateID makes the customerId of a customer that a file creates without
// one. It depends on upload and row alone, so that making the row again makes
// the same customer.
func GenerateID(uploadID string, row int64) string {
	text := make([]byte, 0, 80)
	text = append(text, uploadID...)
	text = append(text, '/')
	text = strconv.AppendInt(text, row, 10)
	sum := sha256.Sum256(text)
	// 10 bytes are 16 characters of 5 bits; the first 14 carry 70 bits.
	var encoded [16]byte
	base32.StdEncoding.Encode(encoded[:], sum[:10])
	return "KC" + string(encoded[:14])
}
