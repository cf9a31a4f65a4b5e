package columns

import "sluice/internal/customer"

// remedies say what whoever made the file or the call does about each code.
func remedies() map[customer.Code]string {
	return map[customer.Code]string{
		customer.InvalidFormat:      "Correct the value as the message says. In `branchCodes` and `customerReminders` one bad item fails the cell.",
		customer.Required:           "Enter a value. On update an empty cell keeps a stored value; an identity cell may never be empty.",
		customer.TooLong:            "Shorten what the message names: the value, an item, the row (256 KiB), or the customer it would make (256 KiB).",
		customer.InvalidText:        "Enter the value again and save the file as UTF-8.",
		customer.SpreadsheetDamage:  "Format the column as text and enter the original value. For a warning, compare with the original first.",
		customer.MalformedRow:       "Put quotes around cells that hold a comma, a quote or a line break, and write a quote inside quotes twice; give the row as many cells as the header.",
		customer.NotFound:           "Correct the identity, or create the customer first.",
		customer.AlreadyExists:      "Leave the row out, or send it to the update call.",
		customer.DuplicateReference: "Use a reference that is free, or first take it from the customer that holds it.",
		customer.RepeatedRow:        "As a warning: check that both rows are meant. As an error: put what they ask for into one row.",
		customer.EditedSince:        "Undo does not exist yet, so this code is not sent yet.",
		customer.StoreRefused:       "Shorten the values of the row or take unusual characters out; report the upload if it stays.",
		customer.UnreadableEvent:    "Send the row again, as it is.",
		customer.Cancelled:          "Cancelling does not exist yet, so this code is not sent yet.",
		customer.CheckCharacter:     "Compare the GSTIN with its document. The row was applied.",
		customer.UnknownStateCode:   "Compare the first two digits with the document. The row was applied.",
		customer.UnknownColumn:      "Correct the name if it was meant to be a field; begin it with `_` if it is a note of yours.",
		customer.EmptyFile:          "Add rows below the header.",
		customer.NoIdentityColumn:   "Add `customerId` or `uniqueRefNo`. If the header looks right, the file is not separated by commas.",
		customer.DuplicateColumn:    "Keep one of the two columns. `Pin Code` and `pin_code` are the same name.",
		customer.UnknownOption:      "Correct the parameter, or remove it. The body takes one part, named `file`.",
		customer.OptionNotBuilt:     "Leave the option out; nothing was done.",
		customer.LimitExceeded:      "Split the file, or leave out columns that are not needed.",
		customer.UnsupportedFormat:  "Save the table as CSV UTF-8 (comma delimited).",
		customer.KeyReused:          "Take a new key for a new upload. To ask for the first answer again, repeat the call exactly.",
	}
}
