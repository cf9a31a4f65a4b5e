package customer

import "strings"

// MarkdownTable is the table of columns for the documents, made from the rules
// that judge them.
func MarkdownTable() string {
	var b strings.Builder
	b.WriteString("| column | create | update | the value | pattern |\n|---|---|---|---|---|\n")
	for _, s := range ColumnSpecs() {
		pattern := ""
		if s.Pattern != "" {
			pattern = "`" + strings.ReplaceAll(s.Pattern, "|", `\|`) + "`"
		}
		cells := []string{s.Name, s.OnCreate, s.OnUpdate, strings.ReplaceAll(s.Rule, "|", `\|`), pattern}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}
