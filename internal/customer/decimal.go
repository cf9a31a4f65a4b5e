package customer

import (
	"errors"
	"math/bits"
	"strconv"
	"strings"
)

// Decimal is an exact number with four decimal places, held as a 128-bit two's
// complement count of ten-thousandths. The zero value is 0. It holds the sum of
// more than 10^16 amounts of 22 digits.
type Decimal struct {
	hi int64
	lo uint64
}

var (
	errNotDecimal   = errors.New("not a plain decimal number with at most 4 places")
	errDecimalRange = errors.New("number has more than 38 digits")
)

// DecimalFromUnits makes a Decimal of a count of ten-thousandths.
func DecimalFromUnits(units int64) Decimal { return Decimal{hi: units >> 63, lo: uint64(units)} }

// DecimalFromParts is the inverse of Parts.
func DecimalFromParts(hi int64, lo uint64) Decimal { return Decimal{hi: hi, lo: lo} }

// Parts are the two halves of the 128-bit count of ten-thousandths.
func (d Decimal) Parts() (hi int64, lo uint64) { return d.hi, d.lo }

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.hi == 0 && d.lo == 0 }

// Add is d + e.
func (d Decimal) Add(e Decimal) Decimal {
	lo, carry := bits.Add64(d.lo, e.lo, 0)
	hi, _ := bits.Add64(uint64(d.hi), uint64(e.hi), carry)
	return Decimal{hi: int64(hi), lo: lo}
}

// Neg is -d.
func (d Decimal) Neg() Decimal {
	lo, borrow := bits.Sub64(0, d.lo, 0)
	hi, _ := bits.Sub64(0, uint64(d.hi), borrow)
	return Decimal{hi: int64(hi), lo: lo}
}

// String is the shortest exact form: no exponent, no zeros at the end, no -0.
func (d Decimal) String() string { return string(d.Append(nil)) }

// Append appends String to b.
func (d Decimal) Append(b []byte) []byte {
	if d.hi < 0 {
		b = append(b, '-')
		d = d.Neg()
	}
	// 10^19 is the largest power of ten in 64 bits: the digits come in two parts.
	const split = 10_000_000_000_000_000_000
	upper, lower := bits.Div64(uint64(d.hi), d.lo, split)
	var digits [40]byte
	text := digits[:0]
	if upper > 0 {
		text = strconv.AppendUint(text, upper, 10)
		text = appendPadded(text, lower, 19)
	} else {
		text = appendPadded(text, lower, 5)
	}
	whole, places := text[:len(text)-4], text[len(text)-4:]
	b = append(b, whole...)
	for len(places) > 0 && places[len(places)-1] == '0' {
		places = places[:len(places)-1]
	}
	if len(places) > 0 {
		b = append(b, '.')
		b = append(b, places...)
	}
	return b
}

// appendPadded appends n with at least width digits.
func appendPadded(b []byte, n uint64, width int) []byte {
	var buf [20]byte
	digits := strconv.AppendUint(buf[:0], n, 10)
	for i := len(digits); i < width; i++ {
		b = append(b, '0')
	}
	return append(b, digits...)
}

// MarshalJSON writes a JSON number with every digit.
func (d Decimal) MarshalJSON() ([]byte, error) { return d.Append(nil), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	v, err := ParseDecimal(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// ParseDecimal reads a plain decimal number with at most 4 places, such as a
// sum written by String: an optional minus, digits, and digits after a point.
func ParseDecimal(s string) (Decimal, error) {
	text, negative := strings.CutPrefix(s, "-")
	whole, places, hasPoint := strings.Cut(text, ".")
	if whole == "" || len(places) > 4 || hasPoint && places == "" || !allDigits(whole) || !allDigits(places) {
		return Decimal{}, errNotDecimal
	}
	if len(whole)+4 > 38 {
		return Decimal{}, errDecimalRange
	}
	var d Decimal
	for i := range len(whole) {
		d = d.timesTenPlus(whole[i] - '0')
	}
	for i := range 4 {
		digit := byte(0)
		if i < len(places) {
			digit = places[i] - '0'
		}
		d = d.timesTenPlus(digit)
	}
	if negative {
		d = d.Neg()
	}
	return d, nil
}

// timesTenPlus shifts a non-negative d by one decimal digit.
func (d Decimal) timesTenPlus(digit byte) Decimal {
	carry, lo := bits.Mul64(d.lo, 10)
	lo, more := bits.Add64(lo, uint64(digit), 0)
	return Decimal{hi: d.hi*10 + int64(carry+more), lo: lo}
}

// isAmount matches patternAmount.
func isAmount(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := skipDigits(s, 0)
	if whole < 1 || whole > 18 {
		return false
	}
	if whole == len(s) {
		return true
	}
	places := len(s) - whole - 1
	return s[whole] == '.' && places >= 1 && places <= 4 && allDigits(s[whole+1:])
}

// parseAmount reads a value that isAmount accepts, by the short way when it
// fits 18 digits in all.
func parseAmount(s string) Decimal {
	if len(s) > 15 {
		d, err := ParseDecimal(s)
		if err != nil {
			return Decimal{}
		}
		return d
	}
	digits, negative := strings.CutPrefix(s, "-")
	units, places := int64(0), -1
	for i := range len(digits) {
		if digits[i] == '.' {
			places = 0
			continue
		}
		units = units*10 + int64(digits[i]-'0')
		if places >= 0 {
			places++
		}
	}
	for places = max(places, 0); places < 4; places++ {
		units *= 10
	}
	if negative {
		units = -units
	}
	return DecimalFromUnits(units)
}
