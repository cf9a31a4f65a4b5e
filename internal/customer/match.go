package customer

// The whole-value patterns. The functions below decide the same by hand, since
// they run for every cell of every row; a property test holds them equal.
const (
	patternCustomerID    = `^KC[A-Z0-9]{14}$`
	patternCompany       = `^CEK[A-Z0-9]{7}$`
	patternAccountNumber = `^$|^[A-Za-z0-9]{9,36}$`
	patternIFSC          = `^$|^[A-Za-z]{4}0[A-Z0-9a-z]{6}$`
	patternContactNumber = `^$|^((\+|00)(\d{1,3})[\s-]?)?(\d{10})$`
	patternPinCode       = `^[1-9][0-9]{5}$`
	patternAmount        = `^-?[0-9]{1,18}(\.[0-9]{1,4})?$`
)

const (
	customerIDRule = "KC and 14 upper-case letters or digits"
	amountRule     = "a plain number of up to 18 digits and 4 decimal places, such as 1250.75 or -1250.75"
)

func isDigit(b byte) bool  { return b-'0' < 10 }
func isUpper(b byte) bool  { return b-'A' < 26 }
func isLetter(b byte) bool { return (b|0x20)-'a' < 26 }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func allUpperOrDigit(s string) bool {
	for i := range len(s) {
		if !isUpper(s[i]) && !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func allLetterOrDigit(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// IDValid reports whether s has the shape of a customerId.
func IDValid(s string) bool {
	return len(s) == 16 && s[:2] == "KC" && allUpperOrDigit(s[2:])
}

// CompanyValid reports whether s has the shape of a company's identifier.
func CompanyValid(s string) bool {
	return len(s) == 10 && s[:3] == "CEK" && allUpperOrDigit(s[3:])
}

func isAccountNumber(s string) bool {
	return s == "" || len(s) >= 9 && len(s) <= 36 && allLetterOrDigit(s)
}

func isIFSC(s string) bool {
	if s == "" {
		return true
	}
	if len(s) != 11 || s[4] != '0' || !allLetterOrDigit(s[5:]) {
		return false
	}
	return isLetter(s[0]) && isLetter(s[1]) && isLetter(s[2]) && isLetter(s[3])
}

func isPinCode(s string) bool {
	return len(s) == 6 && s[0] != '0' && allDigits(s)
}

// isContactNumber splits off the last ten digits; what is left must be nothing
// or a prefix, 1 to 3 digits and at most one separator.
func isContactNumber(s string) bool {
	if s == "" {
		return true
	}
	if len(s) < 10 || !allDigits(s[len(s)-10:]) {
		return false
	}
	head := s[:len(s)-10]
	switch {
	case head == "":
		return true
	case head[0] == '+':
		head = head[1:]
	case len(head) >= 2 && head[:2] == "00":
		head = head[2:]
	default:
		return false
	}
	if n := len(head); n > 0 && isSeparator(head[n-1]) {
		head = head[:n-1]
	}
	return len(head) >= 1 && len(head) <= 3 && allDigits(head)
}

func isSeparator(b byte) bool {
	switch b {
	case ' ', '\t', '\n', '\f', '\r', '-':
		return true
	}
	return false
}
