// Command usermode-helper is the one program that a kernel with
// CONFIG_STATIC_USERMODEHELPER starts, whatever it wants to run: it lets a few
// helpers through and so takes from an attacker in the kernel the way to run
// any other program as root. The wished-for path is the first argument word; see
// kernel/umh.c.
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// allowed are the programs that the kernel may start.
var allowed = map[string]bool{
	"/sbin/mdev":     true,
	"/sbin/modprobe": true,
	"/sbin/poweroff": true,
	"/sbin/reboot":   true,
}

// Exit codes, in the style of a shell's.
const (
	exitFailed  = 1
	exitRefused = 2
)

func main() {
	fmt.Fprintln(os.Stderr, "usermodehelper: "+strings.Join(os.Args, " "))
	if len(os.Args) == 0 || !allowed[os.Args[0]] {
		os.Exit(exitRefused)
	}
	err := syscall.Exec(os.Args[0], os.Args, os.Environ())
	fmt.Fprintf(os.Stderr, "usermodehelper: %s: %v\n", os.Args[0], err)
	os.Exit(exitFailed)
}
