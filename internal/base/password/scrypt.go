package password

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// scryptForm is "scrypt$<N>$<salt>$<r>$<p>$<base64 of 64 bytes>", written by
// Django since 4.0. The salt is used as text, not decoded.
type scryptForm struct {
	n, r, p int
	salt    string
	sum     []byte
}

func parseScrypt(rest string, most limits) (form, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 5 || parts[1] == "" {
		return nil, malformed("scrypt")
	}
	n, nOK := count(parts[0])
	r, rOK := count(parts[2])
	p, pOK := count(parts[3])
	sum, sumOK := decodeBase64(base64.StdEncoding, parts[4])
	if !nOK || !rOK || !pOK || !sumOK || len(sum) != 64 || n < 2 || n&(n-1) != 0 {
		return nil, malformed("scrypt")
	}
	if !scryptFits(n, r, p, most) {
		return nil, tooCostly("scrypt", "N=%d,r=%d,p=%d", n, r, p)
	}
	return scryptForm{n: n, r: r, p: p, salt: parts[1], sum: sum}, nil
}

func (f scryptForm) matches(password string) (bool, error) {
	sum, err := scrypt.Key([]byte(password), []byte(f.salt), f.n, f.r, f.p, len(f.sum))
	return err == nil && subtle.ConstantTimeCompare(sum, f.sum) == 1, err
}

// scryptFits: RFC 7914 holds N + p blocks of 128·r bytes, two more to work in,
// and passes over N of them p times. Divided, so that no product overflows.
func scryptFits(n, r, p int, most limits) bool {
	blocks := most.memoryKiB * 1024 / 128
	if n > blocks || r > blocks || p > blocks {
		return false
	}
	if n+p+2 > blocks/r {
		return false
	}
	return n*r/8 <= most.trafficKiB/p
}
