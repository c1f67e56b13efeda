package main

import (
	"os"
	"syscall"
	"time"
)

// gracePeriod is what processes get to end by themselves.
const gracePeriod = 5 * time.Second

// shutDown stops everything and leaves clean file systems. Action is poweroff
// or reboot; with any other it is the caller (PID 1) that stops the machine.
func shutDown(action string) {
	runHooks("/etc/shutdown.d")

	// -1 is everybody but PID 1 and the caller, see kill(2). ESRCH: nobody.
	_ = syscall.Kill(-1, syscall.SIGTERM)
	waitForOthers("/proc", os.Getpid(), time.Now().Add(gracePeriod))
	_ = syscall.Kill(-1, syscall.SIGKILL)
	syscall.Sync()

	mounts, err := os.ReadFile("/proc/mounts")
	report(err)
	for _, mounted := range disksLastFirst(string(mounts)) {
		report(mounted.release())
	}

	switch action {
	case "poweroff":
		report(os.NewSyscallError("reboot", syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)))
	case "reboot":
		report(os.NewSyscallError("reboot", syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)))
	}
}

// waitForOthers returns when no process is left but PID 1 and self, or at
// the deadline. Nothing tells about the end of processes that are not children,
// hence the polling.
func waitForOthers(proc string, self int, deadline time.Time) {
	const interval = 20 * time.Millisecond
	for othersRun(proc, self) && time.Now().Before(deadline) {
		time.Sleep(interval)
	}
}
