//go:build !windows

package source

import (
	"fmt"
	"io/fs"
)

// privateFile refuses a file that every account may read or write.
func privateFile(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return fmt.Errorf("every account can read it (mode %04o); make it private: chmod 640", mode)
	}
	return nil
}
