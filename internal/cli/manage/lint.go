package manage

import (
	"fmt"

	"github.com/tenantry/tenantry/internal/base/lint"
	"github.com/tenantry/tenantry/internal/cli/console"
)

// ShowLint prints findings about migrations; there being any is exit code 3.
func (e *Env) ShowLint(findings []lint.Finding) error {
	if e.JSON {
		if err := e.Document(map[string]any{"findings": append([]lint.Finding{}, findings...)}); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			e.Line(e.lintLine(f))
			e.Line("    " + e.Text.Message("lint."+f.Code+".hint", lintParams(f)))
		}
		if len(findings) == 0 {
			e.Say("lint.none")
		}
	}
	if len(findings) > 0 {
		return console.ErrFindings
	}
	return nil
}

func (e *Env) lintLine(f lint.Finding) string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Code, e.Text.Message("lint."+f.Code, lintParams(f)))
}

func lintParams(f lint.Finding) map[string]any {
	return map[string]any{"table": f.Table, "object": f.Object}
}
