#!/bin/sh
# Starts a getty on every console of the kernel command line and starts it again whenever it ends.
# As an init hook (named 001-getty) it lets root in without a password, for debugging a system that has no services, and returns at once.

case "$0" in
*001-getty) hook=true INSECURE=true ;;
*) hook=false ;;
esac

if [ "$hook" = false ]; then
	echo "PS1='(ns: getty) \\h:\\w\\\$ '" > /etc/profile.d/namespace.sh
	if [ -f /hostroot/etc/getty.shadow ]; then
		cp /hostroot/etc/getty.shadow /etc/shadow
		echo >> /etc/shadow
	fi
fi

# say MESSAGE: to the log and to whoever watches the machine come up.
say() {
	echo "$1"
	echo "$1" > /dev/console
}

# keep DEVICE SPEED: a getty on the device, for ever.
keep() {
	term=linux line=
	case "$1" in
	ttyS* | ttyAMA* | ttyUSB* | ttyMFD*) term=vt100 line=-L ;;
	esac
	while true; do
		# shellcheck disable=SC2086 # no word when the line is not local
		if [ "$INSECURE" = true ]; then
			setsid getty $line -n -l /usr/bin/autologin "$2" "$1" "$term"
		else
			setsid getty $line "$2" "$1" "$term"
		fi
		# Without a terminal behind the device getty ends at once, and must not take the machine with it.
		sleep 1
	done
}

seen=
read -r words < /proc/cmdline
for word in $words; do
	case "$word" in
	console=*) ;;
	*) continue ;;
	esac
	value="${word#console=}"
	device="${value%%,*}"
	speed=115200
	[ "$device" = "$value" ] || speed="${value#*,}"
	speed="${speed%%[!0-9]*}"
	case " $seen " in
	*" $device "*)
		echo "getty: console=$device is on the command line twice; one getty is enough"
		continue
		;;
	esac
	seen="$seen $device"
	if [ ! -c "/dev/$device" ]; then
		say "getty: cmdline has console=$device but /dev/$device is not a character device; not starting getty for $device"
		continue
	fi
	if ! stty -F "/dev/$device" > /dev/null 2>&1; then
		say "getty: there is no hardware behind /dev/$device; not starting getty for $device"
		continue
	fi
	grep -qx "$device" /etc/securetty || echo "getty: $device is not in /etc/securetty, so root cannot log in there" > "/dev/$device"
	say "getty: starting getty for $device"
	keep "$device" "$speed" &
done

[ "$hook" = true ] || wait
