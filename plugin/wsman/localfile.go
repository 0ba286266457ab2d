package wsman

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadRegular reads a local file of at most so many bytes. It has to be a regular file or a link to one: a FIFO, where
// a read may wait for ever, a device and a folder are refused. What counts is the file that was opened, not what lies
// at its path a moment before or after.
func ReadRegular(path string, most int) ([]byte, error) {
	return readLocal(path, most, func(fs.FileInfo) error { return nil })
}

// ReadPrivate reads a file that holds a secret, as ReadRegular does, and refuses one that every account may read or
// write.
func ReadPrivate(path string, most int) ([]byte, error) { return readLocal(path, most, private) }

func readLocal(path string, most int, check func(fs.FileInfo) error) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|openAtOnce, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err == nil {
		err = check(info)
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("it is larger than %d KiB", most>>10)
	}
	return data, err
}
