package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
)

// snapshot is everything a call could leave behind: spool and result files, the
// store as callers see it, and how far each topic goes.
type snapshot map[string]string

// snapshot waits until no upload is under way and everything is on the log, and
// takes stock.
func (s *server) snapshot(companies ...string) snapshot {
	s.t.Helper()
	left := "?"
	defer func() {
		if s.t.Failed() && left != "" {
			s.t.Logf("what was left: %s", left)
		}
	}()
	eventually(s.t, "no spool file is left and the journal is published", func() bool {
		left = ""
		for name := range s.fileSizes() {
			if strings.HasPrefix(name, "spool") {
				left += name + " "
			}
		}
		if n := s.metrics().sum("sluice_journal_unpublished_rows"); n != 0 {
			left += fmt.Sprint(n, " journal rows")
		}
		return left == ""
	})
	shot := snapshot{}
	for name, size := range s.fileSizes() {
		shot["file "+name] = fmt.Sprint(size)
	}
	for p, end := range s.ends(topics()...) {
		shot[fmt.Sprintf("end of %s/%d", p.topic, p.partition)] = fmt.Sprint(end)
	}
	for _, u := range s.uploads("") {
		shot["upload "+u.UploadID] = u.State
	}
	for _, of := range companies {
		for id, c := range s.customers(of) {
			shot["customer "+of+"/"+id] = fmt.Sprint(c)
		}
	}
	return shot
}

// diff lists what is different now.
func (before snapshot) diff(after snapshot) (changes []string) {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] != after[name] {
			changes = append(changes, fmt.Sprintf("%s was %q and is %q", name, before[name], after[name]))
		}
	}
	return changes
}

// fileSizes lists the files of the file store, temporary ones too.
func (s *server) fileSizes() map[string]int64 {
	s.t.Helper()
	sizes := map[string]int64{}
	err := filepath.WalkDir(s.files(), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server removes files meanwhile
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		name, err := filepath.Rel(s.files(), path)
		sizes[name] = info.Size()
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return sizes
}

// listed is an upload as the list shows it.
type listed struct {
	UploadID  string `json:"uploadId"`
	State     string `json:"state"`
	CompanyID string `json:"companyId"`
}

// uploads lists all uploads, newest first, by pages of a size that needs several.
func (c *client) uploads(of string) (all []listed) {
	c.t.Helper()
	query := "?limit=7"
	if of != "" {
		query += "&companyId=" + of
	}
	for cursor := ""; ; {
		var page struct {
			Uploads []listed `json:"uploads"`
			Next    *string  `json:"next"`
		}
		c.get(uploadsPath+query+cursor).want(c.t, http.StatusOK).payload(c.t, &page)
		all = append(all, page.Uploads...)
		if page.Next == nil {
			return all
		}
		cursor = "&cursor=" + *page.Next
	}
}
