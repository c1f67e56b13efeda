package netlink

// sysSetns is the number of setns(2), missing from the frozen package syscall.
const sysSetns = 268
