package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// line is one kept-alive connection that costs as little as it can, so that the
// generator leaves the processors to whom it measures.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

func dial(address string) (*line, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &line{conn: c, in: bufio.NewReader(c)}, nil
}

// ask sends a request and reads the answer. The body is good until the next one.
func (l *line) ask(request []byte) (status int, body []byte, err error) {
	if _, err := l.conn.Write(request); err != nil {
		return 0, nil, err
	}
	length := 0
	for first := true; ; first = false {
		text, err := l.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		if first {
			if len(text) < 12 {
				return 0, nil, io.ErrUnexpectedEOF
			}
			status, _ = strconv.Atoi(string(text[9:12]))
			continue
		}
		if len(text) <= 2 {
			break
		}
		const name = "content-length:"
		if len(text) > len(name) && bytes.EqualFold(text[:len(name)], []byte(name)) {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(text[len(name):])))
		}
	}
	l.body = slices.Grow(l.body[:0], length)[:length]
	_, err = io.ReadFull(l.in, l.body)
	return status, l.body, err
}

func post(path, key, body string) []byte {
	authorization := ""
	if key != "" {
		authorization = "Authorization: Bearer " + key + "\r\n"
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, authorization, len(body), body)
}

func verification(secret string) []byte {
	return post("/v1/tokens:verify", "", `{"token":"`+secret+`"}`)
}

// verificationFrom is a verification that comes through a proxy, as of somebody at
// an address of their own: who fails too often is not looked up any more.
func verificationFrom(secret string) []byte {
	head := fmt.Appendf(nil, "POST /v1/tokens:verify HTTP/1.1\r\nX-Forwarded-For: 10.%d.%d.%d\r\n", rand.IntN(256), rand.IntN(256), rand.IntN(256))
	rest := verification(secret)
	return append(head, rest[bytes.IndexByte(rest, '\n')+1:]...)
}

func authorization(secret string) []byte {
	return fmt.Appendf(nil, "GET /v1/auth HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", secret)
}

// valid tells whether an answer to a verification says so.
func valid(body []byte) bool { return bytes.HasPrefix(body, []byte(`{"valid":true`)) }

// load is what a run under load came to.
type load struct {
	perSecond float64
	cpu       float64 // µs of the server for each request
	p50, p99  time.Duration
}

// press asks a server as often as it answers, on so many connections, each time
// with one of the requests.
func press(s *process, connections int, requests [][]byte, d time.Duration) (load, error) {
	var wg sync.WaitGroup
	took := make([][]time.Duration, connections)
	failures := make([]error, connections)
	before, began := s.cpu(), time.Now()
	for i := range connections {
		wg.Go(func() {
			l, err := dial(s.address)
			if err != nil {
				failures[i] = err
				return
			}
			defer l.conn.Close()
			for sent := time.Now(); sent.Sub(began) < d; {
				status, body, err := l.ask(requests[rand.IntN(len(requests))])
				if err != nil || status/100 != 2 || status == http.StatusOK && !valid(body) {
					failures[i] = fmt.Errorf("status %d, %w: %s", status, err, body)
					return
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(sent))
				sent = now
			}
		})
	}
	wg.Wait()
	elapsed, used := time.Since(began), s.cpu()-before
	for _, err := range failures {
		if err != nil {
			return load{}, err
		}
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	n := len(all)
	return load{float64(n) / elapsed.Seconds(), float64(used.Microseconds()) / float64(n), all[n/2], all[n*99/100]}, nil
}
