package history_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"sluice/internal/bulk"
)

// fileRow is a row as a result file shows it.
type fileRow struct {
	line       int64
	status     string
	codes      string
	customerID string
	cells      map[string]string // by column, of the columns that are copied
}

// readFiles reads the result files: each row 1..N stands in exactly one (I3).
func (h *history) readFiles(u *plannedUpload) ([]fileRow, error) {
	rows := make([]fileRow, len(u.rows))
	for _, b := range []bulk.Bucket{bulk.BucketSuccess, bulk.BucketFailure, bulk.BucketUnprocessed} {
		content := h.files.Content(bulk.ResultName(u.id, b))
		if content == nil {
			continue
		}
		if err := readFile(content, rows); err != nil {
			return nil, fmt.Errorf("%s file: %w", b, err)
		}
	}
	for i := range rows {
		if rows[i].status == "" {
			return nil, fmt.Errorf("I3: row %d is in no file", i+1)
		}
	}
	return rows, nil
}

func readFile(content []byte, rows []fileRow) error {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	in.FieldsPerRecord = -1
	records, err := in.ReadAll()
	if err != nil {
		return err
	}
	if len(records) < 2 {
		return fmt.Errorf("it has no rows and should not be there")
	}
	header, last := records[0], int64(0)
	for _, rec := range records[1:] {
		var r fileRow
		number, err := strconv.ParseInt(rec[0], 10, 64)
		switch {
		case err != nil || number < 1 || number > int64(len(rows)):
			return fmt.Errorf("row number %q", rec[0])
		case number <= last:
			return fmt.Errorf("row %d stands behind row %d", number, last)
		case rows[number-1].status != "":
			return fmt.Errorf("I3: row %d stands in two files", number)
		}
		last = number
		r.cells = map[string]string{}
		for i, value := range rec[1:] {
			name := ""
			if i+1 < len(header) {
				name = header[i+1]
			}
			switch name {
			case "_line":
				if r.line, err = strconv.ParseInt(value, 10, 64); err != nil {
					return err
				}
			case "_status":
				r.status = value
			case "_code":
				r.codes = value
			case "_customerId":
				r.customerID = value
			default:
				r.cells[name] = value
			}
		}
		rows[number-1] = r
	}
	return nil
}

// compare holds a row of a file against the model.
func (r *fileRow) compare(u *plannedUpload, sent *plannedRow, want *outcome) error {
	for j, column := range u.columns {
		if strings.HasPrefix(column, "_") || sent.isRagged {
			continue
		}
		if got := uninert(r.cells[column]); got != sent.cells[j].text {
			return fmt.Errorf("column %s is %q, was sent as %q", column, got, sent.cells[j].text)
		}
	}
	switch {
	case r.status != want.status:
		return fmt.Errorf("it is %s (%s), want %s %v", r.status, r.codes, want.status, want.codes)
	case want.status == "failed" && r.codes != strings.Join(want.codes, "; "):
		return fmt.Errorf("it failed with %s, want %v", r.codes, want.codes)
	case r.line != sent.line:
		return fmt.Errorf("it begins in line %d, want %d", r.line, sent.line)
	case want.customerID != "" && want.status != "failed" && r.customerID != want.customerID:
		return fmt.Errorf("it is about %s, want %s", r.customerID, want.customerID)
	}
	return nil
}

// uninert undoes the ' that keeps a spreadsheet from running a cell.
func uninert(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.ContainsRune("=+-@'\t\r\n", rune(cell[1])) {
		return cell[1:]
	}
	return cell
}
