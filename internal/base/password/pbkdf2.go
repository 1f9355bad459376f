package password

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// pbkdf2Form is "pbkdf2_sha256$<iterations>$<salt>$<base64>", or the same with
// sha1. The salt is used as text, not decoded.
type pbkdf2Form struct {
	algorithm  string
	iterations int
	salt       string
	sum        []byte
}

func parsePBKDF2(algorithm, rest string, most limits) (form, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 3 || parts[1] == "" {
		return nil, malformed(algorithm)
	}
	iterations, ok := count(parts[0])
	if !ok {
		return nil, malformed(algorithm)
	}
	sum, ok := decodeBase64(base64.StdEncoding, parts[2])
	if !ok || len(sum) != pbkdf2Size(algorithm) {
		return nil, malformed(algorithm)
	}
	if iterations > most.iterations {
		return nil, tooCostly(algorithm, "iterations=%d", iterations)
	}
	return pbkdf2Form{algorithm: algorithm, iterations: iterations, salt: parts[1], sum: sum}, nil
}

func (f pbkdf2Form) matches(password string) (bool, error) {
	var sum []byte
	var err error
	if f.algorithm == "pbkdf2_sha1" {
		sum, err = pbkdf2.Key(sha1.New, password, []byte(f.salt), f.iterations, len(f.sum))
	} else {
		sum, err = pbkdf2.Key(sha256.New, password, []byte(f.salt), f.iterations, len(f.sum))
	}
	return err == nil && subtle.ConstantTimeCompare(sum, f.sum) == 1, err
}

func pbkdf2Size(algorithm string) int {
	if algorithm == "pbkdf2_sha1" {
		return sha1.Size
	}
	return sha256.Size
}
