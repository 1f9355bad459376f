package password

import (
	"crypto/subtle"
	"encoding/base64"
	"math"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argon2Form is "argon2" in front of the PHC string of the reference
// implementation: "$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>",
// base64 without padding. Django 3.2 and later write argon2id, older ones
// argon2i.
type argon2Form struct {
	variety string
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	sum     []byte
}

func parseArgon2(rest string, most limits) (form, error) {
	parts := strings.Split(rest, "$")
	variety := parts[0]
	switch variety {
	case "argon2id", "argon2i":
	case "argon2d": // golang.org/x/crypto has no argon2d, and Django never wrote it
		return nil, unknownAlgorithm(variety)
	default:
		return nil, malformed("argon2")
	}
	switch {
	case len(parts) == 4, len(parts) == 5 && parts[1] == "v=16": // none named means 16
		return nil, unknownAlgorithm(variety + " v=16")
	case len(parts) != 5 || parts[1] != "v=19":
		return nil, malformed(variety)
	}
	memory, time, threads, ok := argon2Cost(parts[2])
	if !ok {
		return nil, malformed(variety)
	}
	// The comparisons are ordered so that no product overflows.
	if memory > most.memoryKiB || time > most.trafficKiB/memory || threads > math.MaxUint8 {
		return nil, tooCostly(variety, "m=%d,t=%d,p=%d", memory, time, threads)
	}
	// The least that the reference implementation takes.
	salt, saltOK := decodeBase64(base64.RawStdEncoding, parts[3])
	sum, sumOK := decodeBase64(base64.RawStdEncoding, parts[4])
	if !saltOK || !sumOK || len(salt) < 8 || len(sum) < 4 || memory < 8*threads {
		return nil, malformed(variety)
	}
	return argon2Form{
		variety: variety, memory: uint32(memory), time: uint32(time), threads: uint8(threads), salt: salt, sum: sum,
	}, nil
}

func (f argon2Form) matches(password string) (bool, error) {
	derive := argon2.IDKey
	if f.variety == "argon2i" {
		derive = argon2.Key
	}
	sum := derive([]byte(password), f.salt, f.time, f.memory, f.threads, uint32(len(f.sum)))
	return subtle.ConstantTimeCompare(sum, f.sum) == 1, nil
}

// argon2Cost reads "m=…,t=…,p=…", in this order as the reference does.
func argon2Cost(text string) (memory, time, threads int, ok bool) {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return 0, 0, 0, false
	}
	var n [3]int
	for i, name := range []string{"m=", "t=", "p="} {
		digits, named := strings.CutPrefix(parts[i], name)
		if n[i], ok = count(digits); !ok || !named {
			return 0, 0, 0, false
		}
	}
	return n[0], n[1], n[2], true
}
