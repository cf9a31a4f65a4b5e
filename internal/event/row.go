package event

import (
	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// The fields of customer.Changes and customer.Customer stand in the schemas in
// the order of their numbers: the texts, then the list, then the reminders.
const firstList = customer.BranchCodes

// AppendRow appends the value of a row event. A change's Value counts only
// where its Action is Set.
func (c *Codec) AppendRow(dst []byte, r *bulk.Row) []byte {
	dst = append(dst, c.update[:]...)
	dst = appendText(dst, r.Upload)
	dst = appendText(dst, r.Company)
	dst = appendLong(dst, r.Number)
	dst = appendLong(dst, r.Line)
	dst = appendLong(dst, r.Prev)
	dst = appendSymbol(dst, kindSymbol(r.Kind))
	identifiedBy := 0
	if r.ByRef {
		identifiedBy = 1
	}
	dst = appendSymbol(dst, identifiedBy)
	dst = appendText(dst, r.Identity)
	dst = appendText(dst, r.CustomerID)
	dst = appendAmount(dst, r.Amount)
	dst = appendIssues(dst, r.Warnings)
	return appendChanges(dst, &r.Changes)
}

func appendChanges(dst []byte, changes *customer.Changes) []byte {
	for f := range firstList {
		switch ch := &changes[f]; ch.Action {
		case customer.Set:
			dst = appendText(append(dst, branchThird), ch.Value.Text)
		case customer.Clear:
			dst = append(dst, branchSecond, symbolCleared)
		case customer.Leave:
			dst = append(dst, branchNull)
		}
	}
	switch ch := &changes[customer.BranchCodes]; ch.Action {
	case customer.Set:
		dst = appendTexts(append(dst, branchThird), ch.Value.List)
	case customer.Clear:
		dst = append(dst, branchSecond, symbolCleared)
	case customer.Leave:
		dst = append(dst, branchNull)
	}
	switch ch := &changes[customer.CustomerReminders]; ch.Action {
	case customer.Set:
		dst = appendReminders(append(dst, branchThird), ch.Value.Reminders)
	case customer.Clear:
		dst = append(dst, branchSecond, symbolCleared)
	case customer.Leave:
		dst = append(dst, branchNull)
	}
	return dst
}

// DecodeRow reads the value of a row event. Nothing of what r held before is
// reused, so its lists may be kept by others.
func (c *Codec) DecodeRow(value []byte, r *bulk.Row) error {
	d := open(value, &c.update)
	*r = bulk.Row{} // then field by field: a literal would be made aside and copied
	r.Upload = d.text()
	r.Company = d.text()
	r.Number = d.long()
	r.Line = d.long()
	r.Prev = d.long()
	r.Kind = kindOf(d.symbol(2))
	r.ByRef = d.symbol(2) == 1
	r.Identity = d.text()
	r.CustomerID = d.text()
	r.Amount = d.decimal()
	r.Warnings = d.issues()
	d.changes(&r.Changes)
	return d.close()
}

func (d *decoder) changes(changes *customer.Changes) {
	for f := range firstList {
		ch := &changes[f]
		if ch.Action = d.action(); ch.Action == customer.Set {
			ch.Value.Set, ch.Value.Text = true, d.text()
		}
	}
	ch := &changes[customer.BranchCodes]
	if ch.Action = d.action(); ch.Action == customer.Set {
		ch.Value.Set, ch.Value.List = true, d.texts()
	}
	ch = &changes[customer.CustomerReminders]
	if ch.Action = d.action(); ch.Action == customer.Set {
		ch.Value.Set, ch.Value.Reminders = true, d.reminders()
	}
}

// action reads the union in front of a field of an update.
func (d *decoder) action() customer.Action {
	if d.pos < len(d.s) {
		switch d.s[d.pos] {
		case branchNull:
			d.pos++
			return customer.Leave
		case branchThird:
			d.pos++
			return customer.Set
		}
	}
	switch d.branch(3) {
	case 1:
		d.symbol(1)
		return customer.Clear
	case 2:
		return customer.Set
	default:
		return customer.Leave
	}
}

// kindSymbol and kindOf translate RowOperation and UploadKind.
func kindSymbol(k bulk.Kind) int {
	if k == bulk.KindCreate {
		return 1
	}
	return 0
}

func kindOf(symbol int) bulk.Kind {
	if symbol == 1 {
		return bulk.KindCreate
	}
	return bulk.KindUpdate
}
