package web

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
)

// MaxBody is how many bytes of a request are read unless a door says otherwise.
const MaxBody = 1 << 20

// ReadBody reads a request's body whole. One that says it is larger than limit is
// refused before a byte of it is read. types are the media types that may come;
// a body without a type passes. Errors: 413, 415, 408 for one that stalls and
// 400 for one that breaks off.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, types ...string) ([]byte, error) {
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &over):
		return nil, tooLarge(limit)
	case errors.As(err, &network) && network.Timeout():
		return nil, Refuse(http.StatusRequestTimeout, "web.body_stalled")
	case err != nil:
		return nil, Refuse(http.StatusBadRequest, "web.body_broken")
	}
	if given := r.Header.Get("Content-Type"); given != "" && len(body) > 0 {
		if media, _, err := mime.ParseMediaType(given); err != nil || !slices.Contains(types, media) {
			return nil, Refuse(http.StatusUnsupportedMediaType, "web.unsupported_type", "type", given, "expected", types)
		}
	}
	return body, nil
}

func tooLarge(limit int64) error {
	return Refuse(http.StatusRequestEntityTooLarge, "web.too_large", "max", limit)
}
