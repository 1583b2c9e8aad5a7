#!/bin/sh
# enter.sh ROOT COMMAND…: runs a command in a throw-away root, in a mount namespace of its own. The programs are this
# machine's, read-only; /etc, /opt, /run, /tmp, /var and /usr/local are the root's own.
set -eu
root=$1
shift
mount --make-rprivate /
mkdir -p "$root/usr" "$root/proc" "$root/dev" "$root/sys" "$root/own/usr-local"
mount --bind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
mount --bind "$root/own/usr-local" "$root/usr/local"
for folder in bin sbin lib lib32 lib64; do
    if [ -L "/$folder" ]; then
        [ -L "$root/$folder" ] || ln -s "$(readlink "/$folder")" "$root/$folder"
    elif [ -d "/$folder" ]; then
        mkdir -p "$root/$folder"
        mount --bind "/$folder" "$root/$folder"
    fi
done
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
exec chroot "$root" "$@"
