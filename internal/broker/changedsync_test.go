package broker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"sluice/internal/broker"
)

func TestSyncTakesWhatChangedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	changed := broker.NewChangedSync(dir)
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(step string, want ...string) {
		t.Helper()
		got, err := changed()
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i], _ = filepath.Rel(dir, got[i])
		}
		sort.Strings(got)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: %v, want %v", step, got, want)
		}
	}
	write("meta.json", "{}")
	write("partitions/rows-0/0.dat", "a")
	write("partitions/rows-0/0.idx", "a")
	expect("all at first", ".", "meta.json", "partitions", "partitions/rows-0", "partitions/rows-0/0.dat")
	expect("nothing written")
	write("partitions/rows-0/0.dat", "b")
	write("partitions/rows-0/0.idx", "b")
	expect("appended", "partitions/rows-0/0.dat")
	write("partitions/rows-0/9.dat", "c")
	expect("new file and its folder", "partitions/rows-0", "partitions/rows-0/9.dat")
	if err := os.Remove(filepath.Join(dir, "partitions/rows-0/0.dat")); err != nil {
		t.Fatal(err)
	}
	expect("deleted file's folder", "partitions/rows-0")
	write("meta.json", " ")
	expect("replaced state and its folder", ".", "meta.json")
}
