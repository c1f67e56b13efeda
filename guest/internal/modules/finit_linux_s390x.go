package modules

// sysFinitModule is the number of finit_module(2), missing from the frozen
// package syscall.
const sysFinitModule = 344
