package e2e_test

import (
	"net/url"
	"strings"
	"testing"
)

// messages are the texts of a row's issues as the result files join them.
func messages(t *testing.T, r rowReport, key string) string {
	t.Helper()
	var all []string
	for _, i := range r.issues(t, key) {
		all = append(all, i.Message)
	}
	return strings.Join(all, "; ")
}

// quoted writes a cell as RFC 4180 wants it, if it holds a comma, quote or line break.
func quoted(cell string) string {
	if !strings.ContainsAny(cell, ",\"\r\n") {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}

// TestResultFilesAreTheFileByteForByte has a mark in front, CRLF, quoted line
// breaks, needless quotes, ragged rows and cells that a spreadsheet would run.
func TestResultFilesAreTheFileByteForByte(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName", customerID(1)+",One", customerID(2)+",Two", customerID(3)+",Three",
			customerID(4)+",Four", customerID(5)+",Five", customerID(6)+",Six"))
		header := "customerId,legalName,address,contactNumber,pinCode"
		rows := []string{
			customerID(1) + `,"Plain, quoted",` + "\"one\r\ntwo \"\"2\"\"\",\"9876543210\",560001",
			customerID(2) + ",Two,=1+1,+919876543210,560002",
			customerID(3) + ",@three,,12345,056001",
			customerID(4) + ",short",
			customerID(5) + ",Five,a,9876543210,560005,extra",
			customerID(6) + ",Six,  a ,9876543210,560006,,",
			"",
			customerID(9999) + ",Nobody,a,,",
			customerID(1) + `,"Plain, quoted",,"9876543210",`,
			customerID(2) + `,Two,"open,,`,
		}
		r := s.apply(upload{file: "\xEF\xBB\xBF" + strings.Join(append([]string{header}, rows...), "\r\n"), name: "my file.v2.csv"})
		if r.Total != 9 || r.Success != 4 || r.Failure != 5 {
			t.Fatalf("of %d rows %d succeeded and %d failed: %s", r.Total, r.Success, r.Failure, r.raw)
		}
		warned := func(i int) string { return quoted(messages(t, r.SuccessRequests[i], "warnings")) }
		failed := func(i int) string { return quoted(messages(t, r.FailureRequests[i], "errors")) }
		success := "\xEF\xBB\xBF" + strings.Join([]string{
			"_row,_line,_status,_code,_field,_value,_message,_customerId," + header,
			"1,2,applied,,,,," + customerID(1) + "," + rows[0],
			"2,4,applied,,,,," + customerID(2) + "," + customerID(2) + ",Two,'=1+1,'+919876543210,560002",
			"6,8,applied,,,,," + customerID(6) + "," + rows[5],
			"8,11,unchanged,REPEATED_ROW,customerId," + customerID(1) + "," + warned(3) + "," + customerID(1) + "," + rows[8],
		}, "\r\n") + "\r\n"
		failure := "\xEF\xBB\xBF" + strings.Join([]string{
			"_row,_line,_status,_code,_field,_value,_message," + header,
			"3,5,failed,INVALID_FORMAT; SPREADSHEET_DAMAGE,contactNumber; pinCode,12345; 056001," + failed(0) + "," + customerID(3) + ",'@three,,12345,056001",
			"4,6,failed,MALFORMED_ROW,,," + failed(1) + "," + rows[3],
			"5,7,failed,MALFORMED_ROW,,," + failed(2) + "," + rows[4],
			"7,10,failed,NOT_FOUND,customerId," + customerID(9999) + "," + failed(3) + "," + rows[7],
			"9,12,failed,MALFORMED_ROW,address,," + failed(4) + "," + rows[9],
		}, "\r\n") + "\r\n"
		failure = strings.Replace(failure, "INVALID_FORMAT; SPREADSHEET_DAMAGE", "INVALID_FORMAT; INVALID_FORMAT", 1)
		if got := s.file(r.SuccessFileURL); got != success {
			t.Errorf("the success file is\n%q, want\n%q", got, success)
		}
		if got := s.file(r.FailureFileURL); got != failure {
			t.Errorf("the failure file is\n%q, want\n%q", got, failure)
		}
		if *r.SuccessFileName != "my file.v2-success.csv" || *r.FailureFileName != "my file.v2-failure.csv" {
			t.Errorf("the files are called %q and %q", *r.SuccessFileName, *r.FailureFileName)
		}
		a := s.get(*r.FailureFileURL)
		if got := a.header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") || !strings.Contains(got, `"my file.v2-failure.csv"`) {
			t.Errorf("Content-Disposition is %q", got)
		}
		bare, _, _ := strings.Cut(*r.FailureFileURL, "?")
		if got := string(s.get(bare).want(t, 200).body); got != failure {
			t.Errorf("the bare path gives another file: %q", got)
		}
	})
}

// TestColumnsOfOursAreNotCopied leaves out columns that begin with an underscore.
func TestColumnsOfOursAreNotCopied(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		r := s.create(lines("_row,customerId,_note,legalName,colour,state", `7,`+customerID(1)+`,"mine, too",One,red,'=Goa`))
		want := lines("_row,_line,_status,_code,_field,_value,_message,_customerId,customerId,legalName,colour,state",
			"1,2,applied,,,,,"+customerID(1)+","+customerID(1)+",One,red,'=Goa")
		if got := s.file(r.SuccessFileURL); got != want {
			t.Errorf("the success file is\n%q, want\n%q", got, want)
		}
		if got := s.customer(company, customerID(1))["state"]; got != "=Goa" {
			t.Errorf("in a file with our _row column a ' before = is ours; the state is %q", got)
		}
		warnings := s.status(r.uploadID).Upload.Warnings
		if len(warnings) != 1 || warnings[0].Code != "UNKNOWN_COLUMN" || !strings.Contains(warnings[0].Message, "colour") {
			t.Errorf("warnings of the file are %+v, want one UNKNOWN_COLUMN of colour", warnings)
		}
		if r.Warn != 0 {
			t.Errorf("%d rows have warnings, want the file alone to have one", r.Warn)
		}
	})
}

// TestFailureFileCanBeSentAgain sends it as it is, which fails the same way, and
// mended, which applies just those rows.
func TestFailureFileCanBeSentAgain(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName", customerID(1)+",One", customerID(2)+",Two", customerID(3)+",Three", customerID(4)+",Four"))
		first := s.apply(upload{file: lines("customerId,contactNumber,legalName,pinCode,state",
			customerID(1)+",+919876543210,One,560001,Goa",
			customerID(2)+",+91,'quoted,56001,Goa",
			customerID(3)+",+919876543210,\"open,560001,Goa",
			customerID(4)+`,+919876543210,"Four" Ltd,560001,=Goa`,
			customerID(99)+",+919876543210,Nobody,560001,-Goa",
			customerID(2)+",+919876543210",
			customerID(1)+",9876543210,\"a\nb\",000000,Goa",
		)})
		if first.Success != 1 || first.Failure != 6 {
			t.Fatalf("%d rows succeeded and %d failed: %s", first.Success, first.Failure, first.raw)
		}
		sent := s.file(first.FailureFileURL)
		again := s.apply(upload{file: sent})
		if again.outcome != "none" || again.Total != 6 || again.Failure != 6 {
			t.Fatalf("sent again as it is, of %d rows %d failed: %s\n%s", again.Total, again.Failure, again.raw, sent)
		}
		for i := range again.FailureRequests {
			was, is := first.FailureRequests[i], again.FailureRequests[i]
			if was.codes(t, "errors") != is.codes(t, "errors") {
				t.Errorf("row %v failed with %s and sent again with %s", was["row"], was.codes(t, "errors"), is.codes(t, "errors"))
			}
		}
		if twice := s.apply(upload{file: s.file(again.FailureFileURL)}); twice.Failure != 6 {
			t.Errorf("sent again a second time, %d of 6 rows fail", twice.Failure)
		}
		mended := strings.NewReplacer(
			"'+91,'quoted", "'+919876543211,'quoted", "'+91,''quoted", "'+919876543211,''quoted", ",56001,", ",560002,",
			`"open`, "Three", `"Four" Ltd`, "Four Ltd", customerID(99), customerID(3), ",000000,", ",560007,",
		).Replace(sent)
		done := s.apply(upload{file: mended, options: url.Values{"onRepeat": {"lastWins"}}})
		if done.Total != 6 || done.Failure != 1 {
			t.Fatalf("mended, of %d rows %d failed, want the short one alone: %s\n%s", done.Total, done.Failure, done.raw, mended)
		}
		for id, want := range map[int][2]string{2: {"'quoted", "+919876543211"}, 3: {"Nobody", "+919876543210"}, 4: {"Four Ltd", "+919876543210"}, 1: {"a\nb", "9876543210"}} {
			got := s.customer(company, customerID(id))
			if got["legalName"] != want[0] || got["contactNumber"] != want[1] {
				t.Errorf("customer %d is %v with %v, want %v", id, got["legalName"], got["contactNumber"], want)
			}
		}
		if got := s.customer(company, customerID(4))["state"]; got != "=Goa" {
			t.Errorf("customer 4 is in %q, want =Goa", got)
		}
	})
}
