package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	gotoml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/tenantry/tenantry"
)

// largestFile keeps a wrong path (a disk image, /dev/zero) from filling memory.
const largestFile = 1 << 20

func readFile(fields fieldSet, from Sources) (layer, error) {
	l := newLayer()
	if from.File == "" {
		return l, nil
	}
	data, err := readBounded(from.File)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !from.FileRequired:
		return l, nil
	case errors.Is(err, fs.ErrNotExist):
		return l, tenantry.NewError(tenantry.Usage, "config.not_found", "file", from.File).Because(err)
	case err != nil:
		return l, tenantry.NewError(tenantry.Usage, "config.unreadable", "file", from.File, "reason", reason(err)).Because(err)
	}
	parsed := koanf.New(".")
	if err := parsed.Load(rawbytes.Provider(data), toml.Parser()); err != nil {
		line, column := errorPosition(data, err)
		return l, tenantry.NewError(tenantry.Usage, "config.syntax",
			"file", from.File, "line", line, "column", column, "reason", reason(err)).Because(err)
	}

	values, offsets := parsed.All(), keyOffsets(data)
	keys := sortedKeys(values)
	sort.SliceStable(keys, func(i, j int) bool { return offsets[keys[i]] < offsets[keys[j]] })
	for _, key := range keys {
		where := fmt.Sprintf("%s:%d", from.File, lineOf(data, offsets[key]))
		f, known := fields.byKey[key]
		if !known {
			if !fields.isSection(key) {
				return l, unknownKey(key, where, nearest(key, fields.keys()))
			}
			if table, ok := values[key].(map[string]any); ok && len(table) == 0 {
				continue // an empty section says nothing
			}
			return l, tenantry.NewError(tenantry.Usage, "config.bad_value",
				"key", key, "where", where, "value", clip(fmt.Sprint(values[key])), "expected", "["+key+"]")
		}
		value, ok := f.fromTOML(values[key])
		if !ok {
			return l, badValue(f, where, fmt.Sprint(values[key]))
		}
		l.set(key, value, origin{File, where})
	}
	return l, nil
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err == nil && len(data) > largestFile {
		return nil, fmt.Errorf("more than %d KiB", largestFile>>10)
	}
	return data, err
}

// reason is the innermost text of an error, without the path and the operation
// that the message around it names already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return clip(strings.TrimPrefix(err.Error(), "toml: "))
}

// errorPosition finds the line and column, from 1, that a TOML error is about.
func errorPosition(data []byte, err error) (line, column int) {
	var d *gotoml.DecodeError
	if errors.As(err, &d) {
		return d.Position()
	}
	// Keys and tables given twice come without a position. The first expression
	// whose arrival makes the document fail is the one.
	starts := expressionOffsets(data)
	i := sort.Search(len(starts), func(i int) bool {
		end := len(data)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		var ignored map[string]any
		return gotoml.Unmarshal(data[:end], &ignored) != nil
	})
	if i == len(starts) {
		return 1, 1
	}
	return lineOf(data, starts[i]), 1
}

func lineOf(data []byte, offset int) int { return bytes.Count(data[:offset], []byte("\n")) + 1 }

// keyOffsets finds where each dotted key of a valid document stands. koanf
// keeps values only, and an error without its line is half an error.
func keyOffsets(data []byte) map[string]int {
	offsets := map[string]int{}
	note := func(prefix string, at unstable.Iterator) string {
		for at.Next() {
			if prefix != "" {
				prefix += "."
			}
			prefix += string(at.Node().Data)
			if _, seen := offsets[prefix]; !seen {
				offsets[prefix] = int(at.Node().Raw.Offset)
			}
		}
		return prefix
	}
	var noteInline func(prefix string, value *unstable.Node)
	noteInline = func(prefix string, value *unstable.Node) {
		if value.Kind != unstable.InlineTable {
			return
		}
		for pairs := value.Children(); pairs.Next(); {
			noteInline(note(prefix, pairs.Node().Key()), pairs.Node().Value())
		}
	}
	table := ""
	eachExpression(data, func(e *unstable.Node) {
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = note("", e.Key())
		case unstable.KeyValue:
			noteInline(note(table, e.Key()), e.Value())
		}
	})
	return offsets
}

func expressionOffsets(data []byte) []int {
	var starts []int
	eachExpression(data, func(e *unstable.Node) {
		key := e.Key()
		key.Next()
		at := int(key.Node().Raw.Offset)
		starts = append(starts, bytes.LastIndexByte(data[:at], '\n')+1)
	})
	return starts
}

func eachExpression(data []byte, do func(*unstable.Node)) {
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		if e := p.Expression(); e.Kind != unstable.Comment {
			do(e)
		}
	}
}
