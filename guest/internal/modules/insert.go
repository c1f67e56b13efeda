package modules

import (
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// initCompressedFile is MODULE_INIT_COMPRESSED_FILE of linux/module.h: the
// kernel (CONFIG_MODULE_DECOMPRESS) unpacks the file itself.
const initCompressedFile = 4

// insertFile gives one module file to the kernel and waits until the module's
// initialisation has ended. See finit_module(2).
func insertFile(path, parameters string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	words, err := syscall.BytePtrFromString(parameters)
	if err != nil {
		return err
	}
	flags := uintptr(0)
	if !strings.HasSuffix(path, ".ko") {
		flags = initCompressedFile
	}
	_, _, errno := syscall.Syscall(sysFinitModule, file.Fd(), uintptr(unsafe.Pointer(words)), flags)
	if errno != 0 {
		return os.NewSyscallError("finit_module", errno)
	}
	return nil
}
