// Package customer is the one table of customer fields and of the rules that
// their values obey. The validator, the template, the search and the documents
// are all made from it.
//
// It knows nothing of files, events, stores or HTTP: it takes the cells of a
// row and says what the row asks for, or everything that is wrong with it.
package customer
