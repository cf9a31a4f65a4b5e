package customer

// What spreadsheets do to identifiers: long numbers become scientific notation
// or lose the digits past the 15th, leading zeros vanish. Identifiers are never
// mended; the message says how to get the value back.

const damagedByExponent = "holds a number in scientific notation; a spreadsheet changed it: format the column as text and enter the value again"

// exponent recognises any number with an exponent. It is asked about values
// that their pattern refuses.
func exponent(s string) string { return ifExponent(s, false) }

// exponentWithSign recognises the form that spreadsheets write, E with a sign,
// in values that any text would be valid for.
func exponentWithSign(s string) string { return ifExponent(s, true) }

func ifExponent(s string, needSign bool) string {
	if isExponentNumber(s, needSign) {
		return damagedByExponent
	}
	return ""
}

// isExponentNumber matches ^[+-]?\d+([.,]\d+)?[eE][+-]?\d+$, the second sign
// being needed on demand.
func isExponentNumber(s string, needSign bool) bool {
	i := skipSign(s, 0)
	start := i
	i = skipDigits(s, i)
	if i == start {
		return false
	}
	if i < len(s) && (s[i] == '.' || s[i] == ',') {
		fraction := i + 1
		if i = skipDigits(s, fraction); i == fraction {
			return false
		}
	}
	if i >= len(s) || s[i]|0x20 != 'e' {
		return false
	}
	sign := i + 1
	digits := skipSign(s, sign)
	if needSign && digits == sign {
		return false
	}
	return digits < len(s) && skipDigits(s, digits) == len(s)
}

func skipSign(s string, i int) int {
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	return i
}

func skipDigits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

func damagedContactNumber(s string) string {
	if len(s) == 9 && allDigits(s) {
		return "has 9 digits; a spreadsheet may have dropped a leading digit: enter the 10 digits again as text"
	}
	return exponent(s)
}

func damagedPinCode(s string) string {
	if len(s) == 5 && allDigits(s) {
		return "has 5 digits; a spreadsheet may have dropped a digit: enter the 6 digits again as text"
	}
	return exponent(s)
}

// roundedDigits warns of 16 or more digits with only zeros after the 15th, the
// mark of a number that went through floating point.
func roundedDigits(j *Judged, col *Column, s string) {
	if len(s) < 16 || !allDigits(s) {
		return
	}
	for i := 15; i < len(s); i++ {
		if s[i] != '0' {
			return
		}
	}
	j.warn(col, s, SpreadsheetDamage, "has only zeros after the 15th digit; a spreadsheet may have rounded the number: compare it with the original")
}
