package event

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"sluice/internal/customer"
)

// Encoded union branches, enum symbols and the end of an array: small numbers
// are one byte, the number doubled.
const (
	branchNull    = 0
	branchSecond  = 2 // Cleared in an update, the value elsewhere
	branchThird   = 4 // the value in an update
	symbolCleared = 0
	arrayEnd      = 0
)

func appendLong(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func appendText(dst []byte, s string) []byte {
	if len(s) < 64 {
		dst = append(dst, byte(len(s)<<1))
	} else {
		dst = binary.AppendVarint(dst, int64(len(s)))
	}
	return append(dst, s...)
}

// appendAnyText makes s valid UTF-8 first: what a bad row held is quoted in its
// issues, and an unreadable result would keep its upload from ever finishing.
func appendAnyText(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return appendText(dst, s)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

func appendSymbol(dst []byte, index int) []byte { return append(dst, byte(index<<1)) }

// appendAmount writes an exact decimal; empty for 0.
func appendAmount(dst []byte, d customer.Decimal) []byte {
	if d.IsZero() {
		return append(dst, 0)
	}
	return appendDecimal(dst, d)
}

func appendDecimal(dst []byte, d customer.Decimal) []byte {
	at := len(dst)
	dst = d.Append(append(dst, 0)) // at most 41 characters: the length is one byte
	dst[at] = byte((len(dst) - at - 1) << 1)
	return dst
}

func appendTexts(dst []byte, list []string) []byte {
	if len(list) > 0 {
		dst = appendLong(dst, int64(len(list)))
		for _, s := range list {
			dst = appendText(dst, s)
		}
	}
	return append(dst, arrayEnd)
}

func appendReminders(dst []byte, list []customer.Reminder) []byte {
	if len(list) > 0 {
		dst = appendLong(dst, int64(len(list)))
		for i := range list {
			r := &list[i]
			dst = appendText(dst, r.CustomerReminderID)
			dst = appendLong(dst, int64(r.DueDateDifference))
			dst = appendLong(dst, int64(r.ReminderInterval))
			dst = appendText(dst, r.ReminderTime)
			dst = appendText(dst, r.ReminderType)
			dst = appendText(dst, r.Stage)
		}
	}
	return append(dst, arrayEnd)
}

func appendIssues(dst []byte, list []customer.Issue) []byte {
	if len(list) > 0 {
		dst = appendLong(dst, int64(len(list)))
		for i := range list {
			is := &list[i]
			dst = appendAnyText(dst, is.Field)
			dst = appendAnyText(dst, is.Rejected)
			dst = appendAnyText(dst, string(is.Code))
			dst = appendAnyText(dst, is.Message)
		}
	}
	return append(dst, arrayEnd)
}
