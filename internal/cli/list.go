package cli

import (
	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry"
)

func (p *program) pageFlags(c *cobra.Command, page *tenantry.Page) {
	c.Flags().IntVar(&page.Limit, "limit", tenantry.DefaultPageLimit, p.Text.Text("cli.flag.limit"))
	c.Flags().StringVar(&page.Cursor, "cursor", "", p.Text.Text("cli.flag.cursor"))
}

// showList prints one page of things: documents for programs, a table for people,
// or code where there is nothing.
func showList[T, D any](p *program, found tenantry.List[T], document func(T) D, code string, headings []string, row func(T) []string) error {
	if p.JSON {
		items := make([]D, len(found.Items))
		for i, item := range found.Items {
			items[i] = document(item)
		}
		return p.Document(tenantry.List[D]{Items: items, NextCursor: found.NextCursor})
	}
	if len(found.Items) == 0 {
		p.Say(code)
		return nil
	}
	rows := make([][]string, len(found.Items))
	for i, item := range found.Items {
		rows[i] = row(item)
	}
	p.Table(headings, rows)
	if found.NextCursor != "" {
		p.Note("page.more", "cursor", found.NextCursor)
	}
	return nil
}
