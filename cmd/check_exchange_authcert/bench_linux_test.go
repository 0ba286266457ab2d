package main

import "syscall"

// peakMemory is a finished process's largest resident size in bytes.
func peakMemory(usage any) int64 {
	if u, ok := usage.(*syscall.Rusage); ok {
		return u.Maxrss << 10
	}
	return 0
}
