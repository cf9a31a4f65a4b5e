// Package split turns an accepted file into one event per good row and a result
// for every rejected one. It works under a lease, checkpoints past durable
// events only, and can begin again anywhere: making a row reads nothing that can
// change, neither the store nor the clock, so that the same row gives the same bytes.
package split
