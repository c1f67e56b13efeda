#!/bin/sh
# Makes host keys when there are none (the root does not outlive the machine unless they are bound from a disk), then serves.
echo "PS1='(ns: sshd) \\h:\\w\\\$ '" > /etc/profile.d/namespace.sh
mkdir -p /run/sshd
found=false
for key in /etc/ssh/ssh_host_*_key; do
	[ -e "$key" ] && found=true
done
[ "$found" = true ] || ssh-keygen -A
exec /usr/sbin/sshd -D -e
