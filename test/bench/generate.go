package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
)

// company is this run's: servers may remember an earlier one's customers.
func company() string { return fmt.Sprintf("CEKB%06d", os.Getpid()%1_000_000) }

// seed makes every run use the same files.
const seed = 20260115

// column is a column of the files whose values are made up.
type column struct {
	name  string
	value func(n uint64) string
	// weight of being among the fields that an update changes.
	weight int
}

// columns in file order, behind the customerId. Names and addresses differ for
// every value, so that nothing compresses better than it does in real files.
var columns = [...]column{
	{"legalName", func(n uint64) string {
		return pick(n, firstNames[:]) + " " + pick(n>>8, trades[:]) + " " + fmt.Sprintf("%06d", n>>16%1_000_000)
	}, 1},
	{"accountNumber", func(n uint64) string { return fmt.Sprintf("%014d", n%100_000_000_000_000) }, 10},
	{"ifsc", func(n uint64) string { return pick(n, banks[:]) + fmt.Sprintf("0%06d", n>>8%10_000) }, 10},
	{"contactNumber", func(n uint64) string { return fmt.Sprintf("+919%09d", n%1_000_000_000) }, 20},
	{"pinCode", func(n uint64) string { return fmt.Sprintf("%d%05d", 1+n%8, n>>8%100_000) }, 10},
	{"state", func(n uint64) string { return pick(n, states[:]) }, 10},
	{"address", func(n uint64) string {
		return fmt.Sprintf("%d %s, Ward %d, Sector %d", 1+n%900, pick(n>>16, streets[:]), n>>24%120, n>>32%60)
	}, 20},
	{"assignedAgent", func(n uint64) string { return fmt.Sprintf("agent.%04d@example.com", n%2_000) }, 20},
}

var (
	firstNames = [...]string{"Asha", "Bela", "Chetan", "Deepak", "Esha", "Farhan", "Gita", "Harish", "Indira", "Javed", "Kavya", "Lakshmi", "Manoj", "Nisha", "Omkar", "Priya"}
	trades     = [...]string{"Traders", "Printers", "Hardware & Tools", "Agencies", "Textiles", "Foods Private Limited", "Enterprises", "Logistics LLP"}
	banks      = [...]string{"HDFC", "SBIN", "PUNB", "ICIC", "CNRB", "UTIB"}
	states     = [...]string{"Karnataka", "Maharashtra", "Tamil Nadu", "Gujarat", "Rajasthan", "Kerala", "West Bengal", "Uttar Pradesh"}
	streets    = [...]string{"MG Road", "Market Street", "Lake View Road", "Industrial Area Phase 2", "Station Road", "Temple Street", "Brigade Road"}
)

func pick(n uint64, from []string) string { return from[n%uint64(len(from))] }

// mix is a hash of a few small numbers (splitmix64).
func mix(numbers ...uint64) uint64 {
	h := uint64(seed)
	for _, n := range numbers {
		h += n + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// customerID of the i-th customer; it looks like any other.
func customerID(i int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	h := mix(uint64(i), 1)
	b := []byte("KC00000000000000")
	for at := 2; at < 9; at++ { // 7 made-up characters, and the number, which makes it unique
		b[at] = digits[h%36]
		h /= 36
	}
	for at, n := len(b)-1, i; at >= 9; at-- {
		b[at] = digits[n%36]
		n /= 36
	}
	return string(b)
}

// changes says whether round r gives a column of customer i another value.
// Each round changes 3 to 5 fields.
func changes(i, r int) (set [len(columns)]bool) {
	h := mix(uint64(i), uint64(r), 2)
	total := 0
	for _, c := range columns {
		total += c.weight
	}
	for n := 3 + int(h%3); n > 0; {
		h = mix(h, 3)
		at := int(h % uint64(total))
		for c := range columns {
			if at -= columns[c].weight; at < 0 {
				if !set[c] {
					set[c] = true
					n--
				}
				break
			}
		}
	}
	return set
}

// cell is what customer i has in a column after round r; round 0 is the create.
func cell(i, c, r int) string {
	for ; r > 0; r-- {
		if changes(i, r)[c] {
			break
		}
	}
	return columns[c].value(mix(uint64(i), uint64(c), uint64(r), 4))
}

// writeCreate writes the file that makes customers from..to-1.
func writeCreate(path string, from, to int) (bytes int64, err error) {
	return writeFile(path, "customerId,uniqueRefNo", to-from, func(w *bufio.Writer, n int) {
		i := from + n
		_, _ = fmt.Fprintf(w, "%s,REF-%09d", customerID(i), i)
		for c := range columns {
			_ = w.WriteByte(',')
			writeCell(w, cell(i, c, 0))
		}
	})
}

// writeUpdate writes the file of round r over the given customers, in that order:
// ten columns, of which 3 to 5 bring another value and the others the stored one.
func writeUpdate(path string, customers []int32, r int) (bytes int64, err error) {
	return writeFile(path, "customerId", len(customers), func(w *bufio.Writer, n int) {
		i := int(customers[n])
		_, _ = w.WriteString(customerID(i))
		for c := range columns {
			_ = w.WriteByte(',')
			writeCell(w, cell(i, c, r))
		}
		h := mix(uint64(i), uint64(r), 5)
		_, _ = fmt.Fprintf(w, ",%d.%02d", h%1_000_000, h>>32%100)
	})
}

// writeFile writes header and rows; the update's last column is the amount.
func writeFile(path, first string, rows int, row func(w *bufio.Writer, n int)) (bytes int64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, fmt.Errorf("creating a file: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = w.WriteString(first)
	for c := range columns {
		_, _ = w.WriteString("," + columns[c].name)
	}
	if first == "customerId" {
		_, _ = w.WriteString(",outstandingAmount")
	}
	_ = w.WriteByte('\n')
	for n := range rows {
		row(w, n)
		_ = w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil { // errors of the writes above stick
		return 0, fmt.Errorf("writing a file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("looking at a file: %w", err)
	}
	return info.Size(), nil
}

// writeCell quotes what has a comma, as a spreadsheet does.
func writeCell(w *bufio.Writer, s string) {
	for i := range len(s) {
		if s[i] == ',' {
			_ = w.WriteByte('"')
			_, _ = w.WriteString(s)
			_ = w.WriteByte('"')
			return
		}
	}
	_, _ = w.WriteString(s)
}

// order is which customers an update names: n different ones in random order.
func order(customers, n, round int) []int32 {
	random := rand.New(rand.NewPCG(seed, uint64(round))) //nolint:gosec // made-up data
	all := make([]int32, customers)
	for i := range all {
		all[i] = int32(i)
	}
	for i := range n {
		j := i + random.IntN(customers-i)
		all[i], all[j] = all[j], all[i]
	}
	return all[:n:n]
}
