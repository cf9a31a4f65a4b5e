package customer

// patternPanOrGstin is a PAN or any of the seven shapes of a GSTIN that the tax
// network documents: normal, tax collector (C), tax deductor (D), government
// department, non-resident (NR), online services from abroad (OS) and United
// Nations bodies or embassies (UN, ON).
const patternPanOrGstin = `^[A-Z]{5}[0-9]{4}[A-Z]$` +
	`|^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][1-9A-JZ][0-9A-Z]$` +
	`|^[0-9]{2}[A-Z]{4}[0-9A-Z][0-9]{4}[A-Z][1-9A-Z]D[0-9A-Z]$` +
	`|^[0-9]{2}[A-Z]{4}[0-9]{5}[A-Z][0-9]Z[0-9]$` +
	`|^[0-9]{4}[A-Z]{3}[0-9]{5}NR[0-9A-Z]$` +
	`|^99[0-9]{2}[A-Z]{3}[0-9]{5}OS[0-9A-Z]$` +
	`|^[0-9]{4}[A-Z]{3}[0-9]{5}[UO]N[0-9A-Z]$`

// gstinShapes are the same shapes, one letter per character: d digit, l letter,
// x digit or letter, n the same but not 0, z what may stand at the 14th place
// (1-9, A-J, Z), u U or O; anything else stands for itself.
var gstinShapes = [...]string{
	"ddlllllddddlnzx",
	"ddllllxddddlnDx",
	"ddlllldddddldZd",
	"ddddlllddddd" + "NRx",
	"99ddlllddddd" + "OSx",
	"ddddlllddddd" + "uNx",
}

func isPanOrGstin(s string) bool {
	switch len(s) {
	case 10:
		return hasShape(s, "lllllddddl")
	case 15:
		for i := range gstinShapes {
			if hasShape(s, gstinShapes[i]) {
				return true
			}
		}
	}
	return false
}

// hasShape compares strings of equal length.
func hasShape(s, shape string) bool {
	for i := range len(s) {
		b, ok := s[i], false
		switch shape[i] {
		case 'd':
			ok = isDigit(b)
		case 'l':
			ok = isUpper(b)
		case 'x':
			ok = isDigit(b) || isUpper(b)
		case 'n':
			ok = isUpper(b) || isDigit(b) && b != '0'
		case 'z':
			ok = b >= '1' && b <= '9' || b >= 'A' && b <= 'J' || b == 'Z'
		case 'u':
			ok = b == 'U' || b == 'O'
		default:
			ok = b == shape[i]
		}
		if !ok {
			return false
		}
	}
	return true
}

// gstinCheckCharacter is the 15th character that follows from the first 14,
// which are digits and upper-case letters: code points 0-9A-Z = 0..35, weights
// 1, 2, 1, 2…, the two base-36 digits of each product added up.
func gstinCheckCharacter(first14 string) byte {
	sum := 0
	for i := range len(first14) {
		p := codePoint(first14[i]) * (1 + i%2)
		sum += p/36 + p%36
	}
	return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(36-sum%36)%36]
}

func codePoint(b byte) int {
	if isDigit(b) {
		return int(b - '0')
	}
	return int(b-'A') + 10
}

// stateCodeKnown accepts 01 to 38, the historical 25 and 28 included, 97 (other
// territory) and 99 (centre).
func stateCodeKnown(tens, ones byte) bool {
	n := 10*int(tens-'0') + int(ones-'0')
	return n >= 1 && n <= 38 || n == 97 || n == 99
}

// suspectGSTIN warns and does not fail: published examples have wrong check
// characters too.
func suspectGSTIN(j *Judged, col *Column, s string) {
	if len(s) != 15 {
		return
	}
	if gstinCheckCharacter(s[:14]) != s[14] {
		j.warn(col, s, CheckCharacter, "has the shape of a GSTIN but its last character does not fit the others; check for a typing error")
	}
	if !stateCodeKnown(s[0], s[1]) {
		j.warn(col, s, UnknownStateCode, "begins with a state code that does not exist; check the first two digits")
	}
}
