package cli

import (
	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry/internal/app"
	"github.com/tenantry/tenantry/internal/base/config"
)

func (p *program) configCommand() *cobra.Command {
	show := &cobra.Command{
		Use: "show", Short: p.Text.Text("cli.config.show"), Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			var s app.Settings
			entries, err := config.Describe(&s, p.sources())
			if err != nil {
				return err
			}
			if p.JSON {
				return p.Document(entries)
			}
			rows := make([][]string, len(entries))
			for i, e := range entries {
				from := string(e.Source)
				if e.Where != "" {
					from = e.Where
				}
				rows[i] = []string{e.Key, e.Value, from, e.Doc}
			}
			p.Table([]string{"column.setting", "column.value", "column.source", "column.meaning"}, rows)
			return nil
		},
	}
	return p.group("config", "cli.config", show)
}
