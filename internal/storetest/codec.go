package storetest

import (
	"encoding/json"
	"fmt"

	"sluice/internal/customer"
)

// document is a customer without its methods: written field by field.
type document customer.Customer

// Codec writes documents as JSON: simple, and unlike the real one.
type Codec struct{}

// AppendCustomer is bulk.DocCodec.AppendCustomer.
func (Codec) AppendCustomer(dst []byte, c *customer.Customer) []byte {
	doc, err := json.Marshal((*document)(c))
	if err != nil {
		return append(dst, err.Error()...) // no document: reading it back fails
	}
	return append(dst, doc...)
}

// DecodeCustomer is bulk.DocCodec.DecodeCustomer.
func (Codec) DecodeCustomer(doc []byte, c *customer.Customer) error {
	*c = customer.Customer{}
	if err := json.Unmarshal(doc, (*document)(c)); err != nil {
		return fmt.Errorf("decode a document: %w", err)
	}
	return nil
}
