package seal

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/tenantry/tenantry"
)

// maxKeyset is far more than any keyset needs.
const maxKeyset = 1 << 20

// read returns the file's text if it is a regular file that its owner alone may
// read, and its owner is the user who runs the program: root who saved another
// user's keyset would lock that user out.
func read(path string) ([]byte, error) {
	// A link is looked at, not followed, and a pipe is not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		if info, e := os.Lstat(path); e == nil && !info.Mode().IsRegular() {
			return nil, exposed(path, info)
		}
		return nil, unreadable(path, err)
	}
	defer f.Close()
	return readFrom(f, path)
}

func readFrom(f *os.File, path string) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || owner(info) != os.Geteuid() {
		return nil, exposed(path, info)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyset))
	if err != nil {
		return nil, unreadable(path, err)
	}
	return text, nil
}

func owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// create puts the text into a file that must not exist. The name appears when
// the content is complete: link(2), unlike rename(2), takes nobody's place.
func create(path string, text []byte) error {
	temporary, err := writeTemporary(path, text)
	if err != nil {
		return unwritable(path, err)
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, path); errors.Is(err, fs.ErrExist) {
		return tenantry.NewError(tenantry.Conflict, "seal.keyset_exists", "path", path)
	} else if err != nil {
		return unwritable(path, err)
	}
	if err := syncFolder(path); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// replace puts the text in the place of a content with the given sum. Of two
// that replace the same content one finds it changed.
func replace(ctx context.Context, path string, was [sha256.Size]byte, text []byte) error {
	f, err := lock(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	found, err := readFrom(f, path)
	if err != nil {
		return err
	}
	if sha256.Sum256(found) != was {
		return changed(path)
	}
	temporary, err := writeTemporary(path, text)
	if err != nil {
		return unwritable(path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return unwritable(path, err)
	}
	if err := syncFolder(path); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// lock opens the file for nobody else to replace meanwhile. Whoever waited may
// hold what was replaced in the meantime, and then waits for its successor.
func lock(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, changed(path)
		}
		if err != nil {
			return nil, unreadable(path, err)
		}
		if err := flock(ctx, f); err != nil {
			f.Close()
			if ctx.Err() != nil {
				return nil, tenantry.NewError(tenantry.Busy, "busy").Because(err)
			}
			return nil, unwritable(path, err)
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, unreadable(path, err)
		}
		if now, err := os.Lstat(path); err == nil && os.SameFile(mine, now) {
			return f, nil
		}
		f.Close()
	}
}

// flock waits in small steps, because flock(2) knows no context.
func flock(ctx context.Context, f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// writeTemporary writes a file of mode 0600 beside path, down to the disk.
func writeTemporary(path string, text []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncFolder makes the file's name last through a loss of power.
func syncFolder(path string) error {
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func exposed(path string, info fs.FileInfo) error {
	return tenantry.NewError(tenantry.Unavailable, "seal.keyset_exposed", "path", path,
		"mode", info.Mode().String(), "owner", strconv.Itoa(owner(info)), "user", strconv.Itoa(os.Geteuid()))
}

func changed(path string) error {
	return tenantry.NewError(tenantry.Stale, "seal.keyset_changed", "path", path)
}

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return tenantry.NewError(tenantry.NotFound, "seal.keyset_missing", "path", path)
	}
	return tenantry.NewError(tenantry.Unavailable, "seal.keyset_unreadable", "path", path, "reason", reason(err)).Because(err)
}

func unwritable(path string, err error) error {
	return tenantry.NewError(tenantry.Unavailable, "seal.keyset_unwritable", "path", path, "reason", reason(err)).Because(err)
}

// reason is what the system says, without the names of temporary files.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}
