package access

// Keys are package credential's; the prefix says whose one is.
const (
	operatorPrefix = "opk_"
	tenantPrefix   = "tmk_" // tenant management key
)
