package cli

import (
	"github.com/spf13/cobra"

	"github.com/tenantry/tenantry/internal/base/sqldb"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// wallsDocument is the state of the walls as programs read it.
type wallsDocument struct {
	Engine     sqldb.Engine  `json:"engine"`
	Stand      bool          `json:"stand"`
	Problems   []wallProblem `json:"problems"`
	Statements []string      `json:"statements"`
}

type wallProblem struct {
	Name    string `json:"name"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *program) wallsCommand() *cobra.Command {
	sql := false
	c := &cobra.Command{
		Use: "walls", Short: p.Text.Text("cli.walls"), Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			prog, err := p.program()
			if err != nil {
				return err
			}
			m, err := prog.Migrator(c.Context(), sqldb.ReadOnly)
			if err != nil {
				return err
			}
			defer m.Close()
			if m.DB == nil { // an SQLite file that is not there yet
				p.Say("walls.sqlite")
				return nil
			}
			r, err := m.Inspect(c.Context())
			if err != nil {
				return err
			}
			d := wallsDocument{Engine: m.DB.Engine(), Stand: r.Stands(), Problems: []wallProblem{}, Statements: append([]string{}, r.Statements...)}
			for _, f := range r.Problems {
				d.Problems = append(d.Problems, wallProblem{f.Field, f.Code, p.Text.Field(f)})
			}
			switch {
			case p.JSON:
				err = p.Document(d)
			case sql:
				p.statements(d.Statements)
			case d.Engine == sqldb.SQLite:
				p.Say("walls.sqlite")
			case d.Stand:
				p.Say("walls.stand")
			default:
				for _, f := range d.Problems {
					p.Line(f.Name + ": " + f.Message)
				}
				p.statements(d.Statements)
			}
			if err == nil && !d.Stand {
				return console.Silent(3)
			}
			return err
		},
	}
	c.Flags().BoolVar(&sql, "sql", false, p.Text.Text("cli.walls.sql"))
	return c
}

func (p *program) statements(all []string) {
	for _, s := range all {
		p.Line(s + ";")
	}
}
