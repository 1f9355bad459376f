package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseDuration reads what time.ParseDuration reads and also whole days in
// front, "30d" or "1d12h". A day is 24 hours.
func ParseDuration(s string) (time.Duration, error) {
	head, tail, hasDays := strings.Cut(s, "d")
	if !hasDays {
		return time.ParseDuration(s)
	}
	days, err := strconv.ParseUint(head, 10, 32)
	if err != nil || time.Duration(days) > math.MaxInt64/day {
		return 0, fmt.Errorf("config: %q is not a duration", clip(s))
	}
	sum := time.Duration(days) * day
	if tail == "" {
		return sum, nil
	}
	rest, err := time.ParseDuration(tail)
	if err != nil || rest < 0 || sum+rest < 0 || !isDigit(tail[0]) {
		return 0, fmt.Errorf("config: %q is not a duration", clip(s))
	}
	return sum + rest, nil
}

// FormatDuration writes the shortest form that ParseDuration reads back.
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return d.String()
	}
	days, rest := d/day, d%day
	text := rest.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	switch {
	case days == 0:
		return text
	case rest == 0:
		return fmt.Sprintf("%dd", days)
	}
	return fmt.Sprintf("%dd%s", days, text)
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
