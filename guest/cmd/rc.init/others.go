package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// kernelThread is PF_KTHREAD of linux/sched.h.
const kernelThread = 0x00200000

// othersRun tells whether a process runs besides PID 1 and self. Processes that
// ended and wait to be reaped do not count, nor do the kernel's threads.
func othersRun(proc string, self int) bool {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == 1 || pid == self {
			continue
		}
		// A process that is gone by now has no file.
		status, err := os.ReadFile(filepath.Join(proc, entry.Name(), "stat"))
		if err == nil && isRunningProgram(string(status)) {
			return true
		}
	}
	return false
}

// isRunningProgram reads /proc/PID/stat, see proc(5): PID, the name in
// parentheses (it can hold any character), state, and numbers of which the
// sixth is the flags.
func isRunningProgram(status string) bool {
	fields := strings.Fields(status[strings.LastIndexByte(status, ')')+1:])
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && fields[0] != "Z" && fields[0] != "X" && flags&kernelThread == 0
}
