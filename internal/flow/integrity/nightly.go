package integrity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tenantry/tenantry"
)

// Last is a check that a server made by itself, as it is kept.
type Last struct {
	Started  time.Time          `json:"started"`
	By       string             `json:"by"` // the process that made it
	Finished *time.Time         `json:"finished"`
	Seconds  float64            `json:"seconds"`
	Findings []tenantry.Finding `json:"findings"`
}

const (
	lastName = "integrity_check"
	// abandoned: a check under way for so long was killed with its process.
	abandoned = time.Hour
)

// Last returns the last check of Nightly that was finished. There being none is
// NotFound, "check.never".
func (f *Flow) Last(ctx context.Context, s tenantry.Scope) (Last, error) {
	if err := s.RequirePlatform(tenantry.TenantsRead); err != nil {
		return Last{}, err
	}
	text, err := f.Instance.Value(ctx, lastName)
	if err != nil {
		return Last{}, err
	}
	var l Last
	if text == "" || json.Unmarshal([]byte(text), &l) != nil || l.Findings == nil {
		return Last{}, tenantry.NewError(tenantry.NotFound, "check.never")
	}
	return l, nil
}

// Nightly checks everything if nobody has since the given hour of the day, in UTC.
// Of several processes that ask at once one does it; one that dies over it is
// succeeded after an hour. due is false when there was nothing to do.
func (f *Flow) Nightly(ctx context.Context, s tenantry.Scope, hour int) (l Last, due bool, err error) {
	now := f.Clock()
	text, err := f.Instance.Value(ctx, claimName)
	if err != nil {
		return l, false, err
	}
	var claim Last
	_ = json.Unmarshal([]byte(text), &claim) // what cannot be read is nobody's claim
	since := time.Date(now.Year(), now.Month(), now.Day(), hour, 0, 0, 0, time.UTC)
	if now.Before(since) {
		since = since.AddDate(0, 0, -1)
	}
	if !claim.Started.Before(since) && (claim.Finished != nil || now.Sub(claim.Started) < abandoned) {
		return l, false, nil
	}
	l = Last{Started: now, By: f.Holder}
	mine, err := f.Instance.Swap(ctx, claimName, text, encoded(l))
	if err != nil || !mine {
		return l, false, err
	}
	if l.Findings, err = f.Check(ctx, s, 0); err != nil {
		return l, true, err
	}
	finished := f.Clock()
	l.Seconds, l.Finished = finished.Sub(now).Seconds(), &finished
	if err := f.Instance.Put(ctx, lastName, encoded(l)); err != nil {
		return l, true, err
	}
	_, err = f.Instance.Swap(ctx, claimName, encoded(Last{Started: now, By: f.Holder}), encoded(Last{Started: now, By: f.Holder, Finished: l.Finished}))
	return l, true, err
}

// claimName is where it stands who looks, apart from what was found: a check under
// way hides the one before it from nobody.
const claimName = "integrity_claim"

func encoded(l Last) string {
	text, _ := json.Marshal(l) // times, text and numbers cannot fail
	return string(text)
}
