package tabular_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sluice/internal/tabular"
)

const benchHeader = "customerId,accountNumber,ifsc,contactNumber,legalName,panOrGstin,pinCode,state,address,assignedAgent\n"

func benchFile(row string) []byte {
	var file bytes.Buffer
	file.WriteString(benchHeader)
	for i := 0; file.Len() < 16*mib; i++ {
		fmt.Fprintf(&file, row, i)
	}
	return file.Bytes()
}

func benchFiles() map[string][]byte {
	plain := "KC%014d,1914310000010100,HDFC0001234,+919876543210,Asha Traders,27AAPFU0939F1ZV,411001,Maharashtra,12 Main Road Pune,agent7\n"
	return map[string][]byte{
		"plain":           benchFile(plain),
		"crlf":            benchFile(strings.TrimSuffix(plain, "\n") + "\r\n"),
		"one_quoted_cell": benchFile(strings.Replace(plain, "12 Main Road Pune", `"12, Main Road, Pune"`, 1)),
		"all_quoted":      benchFile(`"` + strings.ReplaceAll(strings.TrimSuffix(plain, "\n"), ",", `","`) + "\"\n"),
		"quoted_newline":  benchFile(strings.Replace(plain, "12 Main Road Pune", "\"12 Main Road\nPune\"", 1)),
		"devanagari":      benchFile(strings.Replace(plain, "12 Main Road Pune", "१२ मुख्य मार्ग पुणे", 1)),
		"stray_quotes":    benchFile("a\",\"KC%014d\n"),
	}
}

func BenchmarkReader(b *testing.B) {
	for name, file := range benchFiles() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			src := bytes.NewReader(file)
			var rows int64
			for b.Loop() {
				src.Reset(file)
				r, err := tabular.NewReader(src, tabular.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				for {
					if _, err := r.Next(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
				rows += r.Position().Row
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	r, err := tabular.NewReader(bytes.NewReader(benchFiles()["one_quoted_cell"]), tabular.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	row, err := r.Next()
	if err != nil {
		b.Fatal(err)
	}
	w := tabular.NewWriter(io.Discard, tabular.Dialect{})
	b.SetBytes(int64(len(row.Raw)))
	b.ReportAllocs()
	for b.Loop() {
		w.Int(1_000_000)
		w.Text("APPLIED")
		for _, cell := range row.Cells {
			w.InertCell(cell)
		}
		if err := w.EndRow(); err != nil {
			b.Fatal(err)
		}
	}
}
