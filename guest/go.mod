module linuxkit/guest

go 1.19
