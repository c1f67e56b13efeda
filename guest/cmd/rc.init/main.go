// Command rc.init prepares the machine for its containers: PID 1 runs it once
// and waits for it. Called as rc.shutdown it undoes that, see shutdown.go, and
// its own child `rc.init hotplug` stays to load the modules of new devices, see
// hotplug.go.
package main

import (
	"log"
	"os"
	"path/filepath"
	"syscall"

	"linuxkit/guest/internal/kernelcmdline"
	"linuxkit/guest/internal/netlink"
)

func main() {
	switch {
	case filepath.Base(os.Args[0]) == "rc.shutdown":
		action := "poweroff"
		if len(os.Args) > 1 {
			action = os.Args[1]
		}
		shutDown(action)
	case len(os.Args) > 1 && os.Args[1] == hotplugCommand:
		report(serveHotplug())
	case exists("/proc/self"):
		prepareContainer()
	default:
		prepareMachine()
	}
}

// report logs what failed. Nothing stops the boot: a machine that is half there
// can be looked at, one that panicked cannot.
func report(err error) {
	if err != nil {
		log.Print(err)
	}
}

// prepareMachine is the boot of a real or virtual machine.
func prepareMachine() {
	mountSystem()
	settled, err := startHotplug()
	report(err)

	// The devices may take a while; this needs none of them.
	report(netlink.ConfigureLoopback())
	raiseLimits()
	report(createResolvConf("/etc/resolv.conf"))

	report(settled.wait())
	report(setClock())
	report(setHostname())
	runHooks("/etc/init.d")
}

// prepareContainer is the start inside somebody's container (an image of the
// format `docker`): whoever made it has done the mounts, devices and network.
// This program is PID 1 there, or acts as such, and ends with its last child.
func prepareContainer() {
	report(becomeSubreaper())
	raiseLimits()
	report(setHostname())
	report(createResolvConf("/etc/resolv.conf"))
	runHooks("/etc/init.d")
	waitForChildren()
}

// mountSystem mounts all that is not on a disk and fills what starts empty.
func mountSystem() {
	// The modes in the tables are meant as they are.
	defer syscall.Umask(syscall.Umask(0))

	for _, point := range systemMounts {
		report(point.mount())
	}
	report(createStaticNodes())
	if kernelcmdline.Has("linuxkit.unified_cgroup_hierarchy=0") {
		mountCgroups1()
	} else {
		report(cgroup2.mount())
	}
	// Containers see what is mounted later, unless they ask not to.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		report(&os.PathError{Op: "share mounts of", Path: "/", Err: err})
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
