package event

import "sluice/internal/bulk"

// AppendResponse appends the value of a response event.
func (c *Codec) AppendResponse(dst []byte, r *bulk.Response) []byte {
	dst = append(dst, c.response[:]...)
	dst = appendText(dst, r.Upload)
	dst = appendText(dst, r.Company)
	dst = appendSymbol(dst, kindSymbol(r.Kind))
	dst = appendSymbol(dst, outcomeSymbol(r.Outcome))
	dst = appendLong(dst, r.FinishedAt)
	dst = appendLong(dst, r.Counters.Total)
	dst = appendLong(dst, r.Counters.Applied)
	dst = appendLong(dst, r.Counters.Unchanged)
	dst = appendLong(dst, r.Counters.Failed)
	dst = appendLong(dst, r.Counters.Unprocessed)
	dst = appendLong(dst, r.Counters.Warned)
	dst = appendDecimal(dst, r.Counters.Amount)
	return appendBytes(dst, r.Body)
}

// DecodeResponse reads the value of a response event.
func (c *Codec) DecodeResponse(value []byte, r *bulk.Response) error {
	d := open(value, &c.response)
	*r = bulk.Response{
		Upload:     d.text(),
		Company:    d.text(),
		Kind:       kindOf(d.symbol(2)),
		Outcome:    outcomeOf(d.symbol(3)),
		FinishedAt: d.long(),
		Counters: bulk.Counters{
			Total:       d.long(),
			Applied:     d.long(),
			Unchanged:   d.long(),
			Failed:      d.long(),
			Unprocessed: d.long(),
			Warned:      d.long(),
			Amount:      d.decimal(),
		},
		Body: []byte(d.raw()),
	}
	return d.close()
}

func outcomeSymbol(o bulk.Outcome) int {
	switch o {
	case bulk.OutcomeComplete:
		return 0
	case bulk.OutcomePartial:
		return 1
	case bulk.OutcomeNone:
	}
	return 2
}

func outcomeOf(symbol int) bulk.Outcome {
	switch symbol {
	case 0:
		return bulk.OutcomeComplete
	case 1:
		return bulk.OutcomePartial
	default:
		return bulk.OutcomeNone
	}
}
