// Package event translates between the domain and what stands on the log: Avro
// bytes in the Schema Registry's wire format (a zero byte, a 4-byte schema id,
// the body), keys and headers. It also knows the two stored forms made of the
// same bytes: the customer's document and the journal row.
//
// It is the only package that knows Avro. The code is specialised for the
// schemas by hand, since it runs for every row; tests hold it byte-equal to a
// general Avro library. It knows no broker, no store and no clock.
package event
