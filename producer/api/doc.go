// Package api is the HTTP side of the producer: it turns calls into uploads,
// waits for their answers, and tells how uploads and customers stand. The shapes
// are those of schemas/openapi.yaml, generated into the package openapi.
//
// It must not know how a file is taken in, what a row means, or what store it
// reads from.
package api
