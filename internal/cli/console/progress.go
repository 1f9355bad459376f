package console

import (
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Progress shows how far long work has come: a bar with rate and time left on a
// terminal, a line every few seconds elsewhere. Work that ends at once shows
// nothing.
type Progress struct {
	console   *Console
	label     string
	total     int64
	failed    int64
	began     time.Time
	lastLine  time.Time
	container *mpb.Progress
	bar       *mpb.Bar
}

const (
	patience  = time.Second     // what takes less needs no progress
	lineEvery = 3 * time.Second // where there is no terminal
)

// Progress begins to show work under a label that is a message code. total may
// be zero when it is not known yet.
func (c *Console) Progress(code string, total int64) *Progress {
	return &Progress{console: c, label: c.Text.Text(code), total: total, began: time.Now(), lastLine: time.Now()}
}

// At shows that done of the total is done.
func (p *Progress) At(done int64) {
	if p == nil || time.Since(p.began) < patience {
		return
	}
	if !p.console.Terminal {
		if time.Since(p.lastLine) >= lineEvery {
			p.lastLine = time.Now()
			rate := float64(done) / time.Since(p.began).Seconds()
			fmt.Fprintf(p.console.Err, "%s: %d/%d, %.0f/s%s\n", p.label, done, p.total, rate, p.failures())
		}
		return
	}
	if p.bar == nil {
		p.container = mpb.New(mpb.WithOutput(p.console.Err), mpb.WithWidth(60))
		p.bar = p.container.AddBar(p.total,
			mpb.PrependDecorators(decor.Name(p.label+" "), decor.CountersNoUnit("%d/%d")),
			mpb.AppendDecorators(decor.AverageSpeed(0, "%.0f/s "), decor.AverageETA(decor.ET_STYLE_GO),
				decor.Any(func(decor.Statistics) string { return p.failures() })))
		p.bar.DecoratorAverageAdjust(p.began)
	}
	p.bar.SetCurrent(done)
}

// Failed shows how much of what is done has failed.
func (p *Progress) Failed(n int64) { p.failed = n }

func (p *Progress) failures() string {
	if p.failed == 0 {
		return ""
	}
	return ", " + p.console.Text.Text("progress.failed", "count", p.failed)
}

// Total corrects how much there is to do.
func (p *Progress) Total(total int64) {
	p.total = total
	if p.bar != nil {
		p.bar.SetTotal(total, false)
	}
}

// Of shows that done of a total is done that becomes known with the work.
func (p *Progress) Of(done, total int64) {
	p.Total(total)
	p.At(done)
}

// End takes the bar away.
func (p *Progress) End() {
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
		p.container.Wait()
	}
}
