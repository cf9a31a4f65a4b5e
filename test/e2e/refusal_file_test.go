package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf16"
)

// fileRefusals are files that cannot be used as a whole.
func fileRefusals() []refusal {
	bad := func(name string, status int, kind, file, says, code, field string) refusal {
		return refusal{name, upload{file: file}.call(), status, kind, says, code, field}
	}
	empty := func(name, file, says string) refusal {
		return bad(name, 422, unprocessable, file, says, "EMPTY_FILE", "file")
	}
	format := func(name, file, says string) refusal {
		return bad(name, 415, requestError, file, says, "UNSUPPORTED_FORMAT", "file")
	}
	header := "customerId,legalName"
	row := customerID(1) + ",Changed"
	var many strings.Builder
	for n := range 101 {
		fmt.Fprintf(&many, "%s,Changed\n", customerID(n+1))
	}
	wide := "customerId" + strings.Repeat(",x", 50)
	return []refusal{
		empty("no_byte", "", "needs a header"),
		empty("blank_lines", "\n\r\n  \n", "needs a header"),
		empty("header_only", header+"\r\n", "add the rows"),
		empty("header_and_blank_rows", header+"\n,\n , \n", "add the rows"),
		bad("no_identity_column", 422, unprocessable, lines("legalName,state", "A,B"), "neither customerId nor uniqueRefNo", "NO_IDENTITY_COLUMN", "customerId"),
		bad("no_header_but_rows", 422, unprocessable, lines(row, row), "neither customerId nor uniqueRefNo", "NO_IDENTITY_COLUMN", "customerId"),
		bad("duplicate_column", 422, unprocessable, lines("customerId,legalName,Legal Name", customerID(1)+",A,B"), "keep one of them", "DUPLICATE_COLUMN", "legalName"),
		bad("duplicate_identity", 422, unprocessable, lines("customerId,customer_id", customerID(1)+","+customerID(2)), "keep one of them", "DUPLICATE_COLUMN", "customerId"),
		bad("header_over_1_MB", 422, unprocessable, lines(header+","+strings.Repeat("x", 1<<20), row), "column names alone", "LIMIT_EXCEEDED", "file"),
		bad("header_with_an_open_quote", 422, unprocessable, lines(header+`,"state`, row), "quote", "MALFORMED_ROW", "file"),
		bad("a_row_too_many", 413, requestError, header+"\n"+many.String(), "split it into several files", "LIMIT_EXCEEDED", "file"),
		bad("a_column_too_many", 413, requestError, lines(wide, customerID(1)+strings.Repeat(",", 50)), "leave out the columns", "LIMIT_EXCEEDED", "file"),
		bad("bytes_over_the_limit", 413, requestError, header+"\n"+strings.Repeat(row+"\n", 90)+strings.Repeat("\n", 3_000_000), "split it", "LIMIT_EXCEEDED", "file"),
		format("xlsx", "PK\x03\x04\x14\x00\x06\x00\x08\x00[Content_Types].xml", "save it as CSV UTF-8"),
		format("encrypted_or_xls", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"+strings.Repeat("\x00", 600), "password-protected"),
		format("gzip", "\x1F\x8B\x08\x00\x00\x00", "unpack it"),
		format("pdf", "%PDF-1.7\n", "save it as CSV UTF-8"),
		format("NUL_bytes", header+"\n"+customerID(1)+",\x00\x01\x02\n", "not text"),
		format("UTF_16_with_a_mark", "\xFF\xFE"+utf16le(header+"\r\n"+row), "UTF-16"),
		format("UTF_16_without_a_mark", utf16le(header+"\r\n"+row), "UTF-16"),
		format("header_in_Latin_1", "customerId,legalName,Stra\xDFe\n"+row+",x\n", "CSV UTF-8"),
	}
}

func utf16le(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(unit))
		b.WriteByte(byte(unit >> 8))
	}
	return b.String()
}

// keyRefusals use the key of an earlier upload for something else.
func keyRefusals() []refusal {
	used := func(name string, u upload) refusal {
		u.header = headers("Idempotency-Key", "used")
		return refusal{name, u.call(), 409, requestError, "use a new key", "KEY_REUSED", "Idempotency-Key"}
	}
	file := lines("customerId,state", customerID(1)+",Goa")
	return []refusal{
		used("key_of_other_bytes", upload{file: goodFile}),
		used("key_of_another_option", upload{file: file, options: url.Values{"onRepeat": {"reject"}}}),
		used("key_of_another_call", upload{file: file, isCreate: true}),
		used("key_of_a_file_that_cannot_be_read", upload{file: "PK\x03\x04"}),
	}
}

// missingRefusals name what there is not, or what is another company's.
func missingRefusals(first *response) []refusal {
	missing := func(name, path, query, says string) refusal {
		values, _ := url.ParseQuery(query) // as above
		return refusal{name, call{method: http.MethodGet, path: path, query: values}, 404, recordNotFound, says, "", ""}
	}
	const nobody = "CEKNOBODY1"
	own := uploadsPath + "/" + first.uploadID
	unknown := uploadsPath + "/0192f6a4-7c1e-7d3a-9b1c-5a7d6f0e2b11"
	strange := uploadsPath + "/" + url.PathEscape("../../etc/passwd")
	return []refusal{
		{"update_of_an_unknown_company", upload{company: nobody, file: goodFile}.call(), 404, recordNotFound, "create its first customers", "", ""},
		missing("unknown_upload", unknown, "", "check its id"),
		missing("upload_of_a_strange_id", strange, "", "check its id"),
		missing("upload_of_another_company", own, "companyId="+another, "check its id"),
		missing("events_of_an_unknown_upload", unknown+"/events", "", "check its id"),
		missing("events_of_another_company", own+"/events", "companyId="+another, "check its id"),
		missing("file_of_an_unknown_upload", unknown+"/files/success", "", "check its id"),
		missing("file_of_another_company", own+"/files/success", "companyId="+another, "check its id"),
		missing("file_of_an_empty_bucket", own+"/files/failure", "", "no such file"),
		missing("file_of_nothing_unprocessed", own+"/files/unprocessed", "", "no such file"),
		missing("file_of_an_unknown_bucket", own+"/files/everything", "", "success, failure or unprocessed"),
		missing("unknown_customer", "/api/v0/customer/"+customerID(404), "companyId="+company, "check both"),
		missing("customer_of_another_company", "/api/v0/customer/"+customerID(3), "companyId="+company, "check both"),
		missing("customer_of_an_unknown_company", "/api/v0/customer/"+customerID(1), "companyId="+nobody, "check both"),
		missing("a_call_that_there_is_not", "/api/v0/customers", "", "openapi.json"),
		{"a_method_that_there_is_not", call{method: http.MethodDelete, path: uploadsPath}, 404, recordNotFound, "openapi.json", "", ""},
	}
}

// accessRefusals come from where open mode answers nobody, or with an address
// that was changed.
func accessRefusals(first *response) []refusal {
	signed, err := url.Parse(*first.SuccessFileURL)
	if err != nil {
		return nil // the caller's test of the address shows it
	}
	file := func(name string, change func(url.Values)) refusal {
		query := signed.Query()
		change(query)
		return refusal{name, call{method: http.MethodGet, path: signed.Path, query: query}, 403, invalidAccess, "take it again from the upload", "", ""}
	}
	from := func(name, says string, pairs ...string) refusal {
		k := upload{file: goodFile, header: headers(pairs...)}.call()
		return refusal{name, k, 403, invalidAccess, says, "", ""}
	}
	return []refusal{
		file("file_address_with_another_time", func(q url.Values) { q.Set("expires", "1") }),
		file("file_address_with_another_signature", func(q url.Values) { q.Set("signature", strings.Repeat("0", 64)) }),
		file("file_address_without_signature", func(q url.Values) { q.Del("signature") }),
		file("file_address_without_time", func(q url.Values) { q.Del("expires") }),
		from("foreign_host", "use a loopback address", "Host", "sluice.example.com"),
		from("page_of_another_site", "pages of other sites", "Sec-Fetch-Site", "cross-site"),
		from("page_of_another_origin", "pages of other sites", "Origin", "https://attacker.example"),
		from("page_without_origin", "pages of other sites", "Origin", "null"),
	}
}
