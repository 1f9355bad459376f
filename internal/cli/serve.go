package cli

import "github.com/spf13/cobra"

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{Use: "serve", Args: exactly(0), RunE: func(*cobra.Command, []string) error { return nil }}
}
