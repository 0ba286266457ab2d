package wsman

import "io/fs"

// openAtOnce is nothing: Windows' files do not wait to be opened.
const openAtOnce = 0

// private cannot tell on Windows: permissions are not in the mode there.
func private(fs.FileInfo) error { return nil }
