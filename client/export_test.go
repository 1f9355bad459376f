package client

import "time"

// Remembered is how many answers a client remembers.
func Remembered(c *Client) int { return c.memory.size() }

// SetClock gives a client another clock.
func SetClock(c *Client, now func() time.Time) { c.now = now }
