package password

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// md5Form is "md5$<salt>$<32 hexadecimal digits>" of salt and password. Anyone
// who reads the table can try billions a second, so a sign-in replaces it.
type md5Form struct {
	salt string
	sum  string
}

func parseMD5(rest string) (form, error) {
	salt, sum, ok := strings.Cut(rest, "$")
	if !ok || !isLowerHex(sum, 2*md5.Size) {
		return nil, malformed("md5")
	}
	if salt == "" { // Django calls "md5$$…" by the same name as a bare hash
		return nil, unknownAlgorithm("unsalted_md5")
	}
	return md5Form{salt: salt, sum: sum}, nil
}

func (f md5Form) matches(password string) (bool, error) {
	sum := md5.Sum([]byte(f.salt + password))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(f.sum)) == 1, nil
}
