package intake_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
)

// repeated returns the rows that the intake found to be repeats.
func (r *rig) repeated(u *bulk.Upload) []uint32 {
	r.t.Helper()
	content := r.files.Content(bulk.RepeatsName(u.ID))
	set := roaring.New()
	if content != nil {
		if _, err := set.ReadFrom(bytes.NewReader(content)); err != nil {
			r.t.Fatal(err)
		}
		if set.IsEmpty() {
			r.t.Error("an empty set was stored")
		}
	}
	return set.ToArray()
}

func TestRepeats(t *testing.T) {
	cases := []struct {
		name string
		file string
		want []uint32
	}{
		{"none", "customerId\na\nb\nA\n", nil},
		{"every_one_but_the_first", "customerId\na\nb\na\na\nb\n", []uint32{3, 4, 5}},
		{"white_space_does_not_count", "customerId,x\na,\n a ,\n\"a\n\",\n", []uint32{2, 3}},
		{"empty_identities_do_not_repeat", "customerId,x\n,1\n,2\n  ,3\n", nil},
		{"blank_rows_are_not_numbered", "customerId,x\na,\n,\n\na,\n", []uint32{2}},
		{"rows_that_fail_repeat_too", "customerId,x\na\na,1,2\na,\"x\"y\n", []uint32{2, 3}},
		{"by_reference", "uniqueRefNo,x\nr,\nR,\nr,\n", []uint32{3}},
		{"customer_id_identifies_where_both_stand", "uniqueRefNo,customerId\nr,a\nr,b\ns,a\n", []uint32{3}},
		{"mark_of_a_result_file_does_not_count", "_row,customerId\n1,=a\n2,'=a\n3,''=a\n", []uint32{2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			u, _ := r.take(request(), []byte(c.file))
			if got := r.repeated(u); !slices.Equal(got, c.want) {
				t.Errorf("repeats are %v, want %v", got, c.want)
			}
		})
	}
}

// TestRepeatsSortedOnDisk compares the external sort with a map, whatever fits
// into memory.
func TestRepeatsSortedOnDisk(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := newRig(t)
			dice := bulktest.NewDice(seed)
			r.options = r.sorting(dice.Between(1, 50))
			rows, names := dice.Between(1, 400), dice.Between(1, 300)
			seen := map[string]bool{}
			var want []uint32
			var file strings.Builder
			file.WriteString("customerId\n")
			for row := range rows {
				id := fmt.Sprint(dice.Intn(names))
				if seen[id] {
					want = append(want, uint32(row+1))
				}
				seen[id] = true
				file.WriteString(id + "\n")
			}
			u, _ := r.take(request(), []byte(file.String()))
			if got := r.repeated(u); !slices.Equal(got, want) {
				t.Errorf("repeats are %v, want %v", got, want)
			}
			r.wantNoTempFiles()
		})
	}
}

func TestSortThatCannotWriteIsOurFault(t *testing.T) {
	r := newRig(t)
	r.options = r.sorting(1)
	r.options.TempDir = r.dir + "/absent"
	_, err := r.stage(request(), strings.NewReader("customerId\n1\n1\n"))
	if err == nil {
		t.Fatal("it was taken")
	}
	r.wantNothingLeft()
}
