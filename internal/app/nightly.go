package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenantry/tenantry"
	"github.com/tenantry/tenantry/internal/base/lifecycle"
	"github.com/tenantry/tenantry/internal/base/logs"
	"github.com/tenantry/tenantry/internal/base/metrics"
)

// nightlyEvery is how often a server asks whether the check of the day is due.
const nightlyEvery = 10 * time.Minute

// nightly adds the daily check of all data, which one of several servers makes.
func (a *App) nightly(group *lifecycle.Group, counted *metrics.Metrics, log *logs.Logs) {
	if a.Settings.Integrity.Hour < 0 {
		return
	}
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tenantry_integrity_checks_total", Help: "Checks of all data that this process made."}, []string{"outcome"})
	seconds := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tenantry_integrity_check_seconds", Help: "How long this process's last check of all data took."})
	rows := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tenantry_integrity_finding_rows", Help: "Rows that this process's last check of all data found something wrong with."}, []string{"severity"})
	counted.Registry().MustRegister(checks, seconds, rows)
	group.Add("integrity", lifecycle.Every(nightlyEvery, func(ctx context.Context) {
		last, due, err := a.Integrity.Nightly(ctx, a.SignIn.System("integrity"), a.Settings.Integrity.Hour)
		switch {
		case err != nil:
			checks.WithLabelValues("failed").Inc()
			log.Main().WarnContext(ctx, "checking all data", "error", err)
			return
		case !due:
			return
		}
		found := map[tenantry.Severity]int64{}
		for _, f := range last.Findings {
			found[f.Severity] += f.Count
			log.Main().WarnContext(ctx, "something is wrong with the data", "code", f.Code, "severity", string(f.Severity), "rows", f.Count, "first", f.Rows)
		}
		for _, s := range []tenantry.Severity{tenantry.Critical, tenantry.Warning, tenantry.Notice} {
			rows.WithLabelValues(string(s)).Set(float64(found[s]))
		}
		checks.WithLabelValues("done").Inc()
		seconds.Set(last.Seconds)
		log.Main().InfoContext(ctx, "checked all data", "findings", len(last.Findings), "took_ms", int64(last.Seconds*1000))
	}))
}
