package password

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/tenantry/tenantry"
)

// form is a stored hash that has been taken apart and found affordable.
type form interface {
	// matches does the work. An error is a defect: parse has checked the rest.
	matches(password string) (bool, error)
}

// limits is the most that one verification may cost. A stored hash names its
// own price, and whoever can write one (an adopted database, an import) must
// not be able to stop the server with it.
type limits struct {
	iterations int // of PBKDF2
	bcryptCost int // two to its power rounds
	memoryKiB  int // held at once by argon2 and scrypt
	trafficKiB int // memory × passes of argon2 and scrypt
}

// serverLimits keeps a verification within about four seconds of one 2020s core
// and is well above what Django writes: 1,000,000 iterations, bcrypt 12, argon2
// with two passes over 100 MiB, scrypt with five over 16 MiB.
var serverLimits = limits{
	iterations: 10_000_000,
	bcryptCost: 16,
	memoryKiB:  256 << 10,
	trafficKiB: 1 << 20,
}

// parse finds the form by the name in front of the first "$", as Django does.
// The errors never contain the stored text.
func parse(encoded string, most limits) (form, error) {
	if isLowerHex(encoded, 2*md5.Size) { // as Django's oldest releases stored it
		return nil, unknownAlgorithm("unsalted_md5")
	}
	algorithm, rest, _ := strings.Cut(encoded, "$")
	if len(rest) > maxEncoded {
		rest = "" // nothing that anybody writes; malformed, whatever the algorithm
	}
	switch algorithm {
	case "pbkdf2_sha256", "pbkdf2_sha1":
		return parsePBKDF2(algorithm, rest, most)
	case "argon2":
		return parseArgon2(rest, most)
	case "bcrypt", "bcrypt_sha256":
		return parseBcrypt(algorithm, rest, most)
	case "scrypt":
		return parseScrypt(rest, most)
	case "md5":
		return parseMD5(rest)
	}
	return nil, unknownAlgorithm(foreignName(algorithm))
}

// foreignName is the name of a form that we do not check, if it is one of those
// that Django databases are known to hold, and "?" otherwise: what stands before
// the "$" may be anything, half of a password stored in plain text included.
func foreignName(algorithm string) string {
	switch algorithm {
	case "sha1", "crypt", "sha256", "sha512", "pbkdf2_sha512", "phpass":
		return algorithm
	}
	return "?"
}

// count reads a decimal number as every writer of hashes prints it: digits
// only, no leading zero. ok is false for anything else and past 18 digits.
func count(text string) (n int, ok bool) {
	if len(text) == 0 || len(text) > 18 || text[0] == '0' || text[0] == '+' || text[0] == '-' {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// decodeBase64 is strict where the standard library is not: it skips line
// breaks, so that two texts would stand for one hash.
func decodeBase64(encoding *base64.Encoding, text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	b, err := encoding.Strict().DecodeString(text)
	return b, err == nil
}

func isLowerHex(text string, length int) bool {
	for _, c := range []byte(text) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return len(text) == length
}

func unknownAlgorithm(name string) error {
	return tenantry.NewError(tenantry.Invalid, "password.unknown_algorithm", "algorithm", name)
}

func malformed(algorithm string) error {
	return tenantry.NewError(tenantry.Invalid, "password.malformed", "algorithm", algorithm)
}

func tooCostly(algorithm, format string, values ...any) error {
	return tenantry.NewError(tenantry.Invalid, "password.too_costly", "algorithm", algorithm, "cost", fmt.Sprintf(format, values...))
}
