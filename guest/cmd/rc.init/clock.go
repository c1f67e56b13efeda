package main

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// readTime is RTC_RD_TIME of linux/rtc.h: _IOR('p', 0x09, struct rtc_time).
const readTime = 2<<30 | unsafe.Sizeof(rtcTime{})<<16 | 'p'<<8 | 0x09

// rtcTime is struct rtc_time: like struct tm of C, without time zone.
type rtcTime struct {
	second, minute, hour, day, month, year int32
	weekday, yearDay, isDaylight           int32
}

// time takes the clock's reading for UTC. As in C, months count from zero and
// years from 1900.
func (reading rtcTime) time() time.Time {
	return time.Date(int(reading.year)+1900, time.Month(reading.month+1), int(reading.day),
		int(reading.hour), int(reading.minute), int(reading.second), 0, time.UTC)
}

// setClock sets the system's time from the machine's clock, see rtc(4).
func setClock() error {
	clock, err := os.Open("/dev/rtc0")
	if err != nil {
		return err
	}
	defer clock.Close()
	var reading rtcTime
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, clock.Fd(), readTime, uintptr(unsafe.Pointer(&reading)))
	if errno != 0 {
		return &os.PathError{Op: "read the time of", Path: clock.Name(), Err: errno}
	}
	now := syscall.NsecToTimeval(reading.time().UnixNano())
	return os.NewSyscallError("settimeofday", syscall.Settimeofday(&now))
}
