package cli

import (
	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry/internal/base/version"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: p.Text.Text("cli.version"), Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			if p.JSON {
				return p.Document(version.Read())
			}
			p.Line("tenantry " + version.String())
			return nil
		},
	}
}
