// Package intake takes a file in: it streams it to the spool while hashing and
// reading it, counts its rows, finds the repeats, and accepts it as an upload in
// one store transaction. Memory is bounded whatever the file holds.
//
// It judges the file as a whole only. What a row asks for is the split's business.
package intake
