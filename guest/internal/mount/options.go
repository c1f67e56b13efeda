// Package mount mounts file systems whose options are written as in fstab(5).
package mount

import (
	"strings"
	"syscall"
)

// Options is a list of fstab words, sorted by how mount(2) takes them.
type Options struct {
	Flags       uintptr // MS_* bits of the mount itself
	Propagation uintptr // MS_SHARED and its kin, perhaps with MS_REC; 0: keep
	Data        string  // words for the file system, joined with commas
}

// word is what one option does: bits to set and bits to clear in the flags, or
// the propagation it asks for. An empty word is known and does nothing.
type word struct {
	set, clear, propagation uintptr
}

// words follows mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS", and mount(2).
var words = map[string]word{
	"defaults": {},

	"async":         {clear: syscall.MS_SYNCHRONOUS},
	"atime":         {clear: syscall.MS_NOATIME},
	"dev":           {clear: syscall.MS_NODEV},
	"diratime":      {clear: syscall.MS_NODIRATIME},
	"exec":          {clear: syscall.MS_NOEXEC},
	"nomand":        {clear: syscall.MS_MANDLOCK},
	"norelatime":    {clear: syscall.MS_RELATIME},
	"nostrictatime": {clear: syscall.MS_STRICTATIME},
	"rw":            {clear: syscall.MS_RDONLY},
	"suid":          {clear: syscall.MS_NOSUID},

	"bind":        {set: syscall.MS_BIND},
	"dirsync":     {set: syscall.MS_DIRSYNC},
	"mand":        {set: syscall.MS_MANDLOCK},
	"noatime":     {set: syscall.MS_NOATIME},
	"nodev":       {set: syscall.MS_NODEV},
	"nodiratime":  {set: syscall.MS_NODIRATIME},
	"noexec":      {set: syscall.MS_NOEXEC},
	"nosuid":      {set: syscall.MS_NOSUID},
	"rbind":       {set: syscall.MS_BIND | syscall.MS_REC},
	"relatime":    {set: syscall.MS_RELATIME},
	"remount":     {set: syscall.MS_REMOUNT},
	"ro":          {set: syscall.MS_RDONLY},
	"strictatime": {set: syscall.MS_STRICTATIME},
	"sync":        {set: syscall.MS_SYNCHRONOUS},

	"private":     {propagation: syscall.MS_PRIVATE},
	"rprivate":    {propagation: syscall.MS_PRIVATE | syscall.MS_REC},
	"shared":      {propagation: syscall.MS_SHARED},
	"rshared":     {propagation: syscall.MS_SHARED | syscall.MS_REC},
	"slave":       {propagation: syscall.MS_SLAVE},
	"rslave":      {propagation: syscall.MS_SLAVE | syscall.MS_REC},
	"unbindable":  {propagation: syscall.MS_UNBINDABLE},
	"runbindable": {propagation: syscall.MS_UNBINDABLE | syscall.MS_REC},
}

// ParseOptions sorts a list of fstab words. Later words win; a word that is not
// known is for the file system.
func ParseOptions(list []string) Options {
	var options Options
	var data []string
	for _, name := range list {
		known, ok := words[name]
		if !ok {
			data = append(data, name)
			continue
		}
		options.Flags = options.Flags&^known.clear | known.set
		if known.propagation != 0 {
			options.Propagation = known.propagation
		}
	}
	options.Data = strings.Join(data, ",")
	return options
}
