package tabular

import "bytes"

const (
	sniffBytes = 4 << 10
	utf8BOM    = "\xEF\xBB\xBF"
	saveAsCSV  = "save it as CSV UTF-8 (comma delimited) and send that file"
)

// magics are first bytes of formats that are often sent in place of a CSV.
func magics() []struct{ first, what string } {
	return []struct{ first, what string }{
		{"\x1F\x8B", "a gzip archive; unpack it and send the CSV file in it"},
		{"BZh91AY&SY", "a bzip2 archive; unpack it and send the CSV file in it"},
		{"\xFD7zXZ\x00", "an xz archive; unpack it and send the CSV file in it"},
		{"\x28\xB5\x2F\xFD", "a zstd archive; unpack it and send the CSV file in it"},
		{"7z\xBC\xAF\x27\x1C", "a 7z archive; unpack it and send the CSV file in it"},
		{"Rar!\x1A\x07", "a RAR archive; unpack it and send the CSV file in it"},
		{"\xD0\xCF\x11\xE0", "an old Excel (XLS) or a password-protected workbook; open it and " + saveAsCSV},
		{"%PDF-", "a PDF document; export the table from the program that made it and " + saveAsCSV},
		{"SQLite format 3\x00", "an SQLite database; export the table and " + saveAsCSV},
		{"\x89PNG", "a picture"},
		{"\xFF\xD8\xFF", "a picture"},
	}
}

// sniff refuses files that are no UTF-8 text by their first sniffBytes bytes.
func sniff(start []byte) error {
	if bytes.HasPrefix(start, []byte("\xFF\xFE")) || bytes.HasPrefix(start, []byte("\xFE\xFF")) {
		return &FileError{Kind: UnsupportedEncoding, Message: "the file is UTF-16 (\"Unicode text\"); " + saveAsCSV}
	}
	if bytes.HasPrefix(start, []byte("PK\x03\x04")) || bytes.HasPrefix(start, []byte("PK\x05\x06")) {
		return &FileError{Kind: Binary, Message: "the file is " + zipContent(start)}
	}
	for _, m := range magics() {
		if bytes.HasPrefix(start, []byte(m.first)) {
			return &FileError{Kind: Binary, Message: "the file is " + m.what}
		}
	}
	zero := bytes.IndexByte(start, 0)
	if zero < 0 {
		return nil
	}
	if isUTF16(start) {
		return &FileError{Kind: UnsupportedEncoding, Message: "the file is UTF-16 (\"Unicode text\"); " + saveAsCSV}
	}
	return &FileError{Kind: Binary, Message: "the file is not text: it holds a NUL byte; " + saveAsCSV}
}

// zipContent tells the kinds of workbook, which are zip archives, by the names
// of their first members.
func zipContent(start []byte) string {
	switch {
	case bytes.Contains(start, []byte("[Content_Types].xml")), bytes.Contains(start, []byte("xl/")), bytes.Contains(start, []byte("_rels/")):
		return "an Excel workbook (XLSX); open it and " + saveAsCSV
	case bytes.Contains(start, []byte("opendocument.spreadsheet")):
		return "an OpenDocument spreadsheet (ODS); open it and " + saveAsCSV
	}
	return "a zip archive; unpack it and send the CSV file in it"
}

// isUTF16 recognises UTF-16 without a byte-order mark: in text that is mostly
// ASCII, every other byte is NUL.
func isUTF16(start []byte) bool {
	if len(start) < 4 {
		return false
	}
	var zeros [2]int
	for i, c := range start {
		if c == 0 {
			zeros[i%2]++
		}
	}
	most, least := max(zeros[0], zeros[1]), min(zeros[0], zeros[1])
	return most > len(start)/4 && least == 0
}
