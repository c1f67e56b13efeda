#!/bin/sh
# Usage: poweroff.sh [SECONDS], 30 by default. At once, without the shutdown hooks.
sleep "${1:-30}"
exec /sbin/poweroff -f
