package api

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/producer/api/openapi"
)

// GetCustomer implements GET /api/v0/customer/{customerId}.
func (s *server) GetCustomer(w http.ResponseWriter, r *http.Request, customerID openapi.CustomerId, params openapi.GetCustomerParams) {
	name, err := required(params.ParentCompanyId, params.CompanyId)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !customer.IDValid(customerID) {
		s.fail(w, r, invalid("customerId", label(customerID), "customerId must be KC and 14 upper-case letters or digits"))
		return
	}
	c, err := s.Store.Customer(r.Context(), name, customerID)
	if errors.Is(err, bulk.ErrNotFound) {
		err = notFound("the company has no customer " + customerID + ": check both identifiers")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, r, http.StatusOK, json.RawMessage(c.AppendJSON(nil)))
}

// maxSearchBytes bounds the body of a search.
const maxSearchBytes = 64 << 10

// SearchCustomers implements POST /api/v0/customer/search.
func (s *server) SearchCustomers(w http.ResponseWriter, r *http.Request, params openapi.SearchCustomersParams) {
	q, err := s.query(w, r, &params)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	limit := q.Limit
	q.Limit++
	found, err := s.Store.SearchCustomers(r.Context(), q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := openapi.CustomerList{Customers: []json.RawMessage{}}
	if len(found) > limit {
		found = found[:limit]
		page.Next = cursor(found[limit-1].CustomerID)
	}
	for i := range found {
		page.Customers = append(page.Customers, found[i].AppendJSON(nil))
	}
	s.answer(w, r, http.StatusOK, page)
}

// query reads a search.
func (s *server) query(w http.ResponseWriter, r *http.Request, params *openapi.SearchCustomersParams) (bulk.CustomerQuery, error) {
	var q bulk.CustomerQuery
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return q, &bulk.Refusal{Reason: bulk.RefusedFormat, Message: "send the search as application/json"}
	}
	var body openapi.CustomerSearch
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSearchBytes))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return q, &bulk.Refusal{Reason: bulk.RefusedSize, Message: "a search has at most 64 KB"}
		}
		return q, badRequest("body", customer.InvalidFormat, "the body is no search: see CustomerSearch in /openapi.json")
	}
	for _, own := range []struct{ inBody, inQuery **openapi.CompanyId }{
		{&body.ParentCompanyId, &params.ParentCompanyId}, {&body.CompanyId, &params.CompanyId},
	} {
		if *own.inBody != nil && *own.inQuery != nil && **own.inBody != **own.inQuery {
			return q, invalid("companyId", **own.inBody, "the body and the address name different companies: name one")
		}
		if *own.inBody == nil {
			*own.inBody = *own.inQuery
		}
	}
	var err error
	if q.Company, err = required(body.ParentCompanyId, body.CompanyId); err != nil {
		return q, err
	}
	if q.Limit, err = pageSize(body.Limit); err != nil {
		return q, err
	}
	if q.After, err = position(body.Cursor); err != nil {
		return q, err
	}
	q.CustomerID, q.Ref, q.NamePrefix = deref(body.CustomerId), deref(body.UniqueRefNo), deref(body.LegalName)
	return q, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
