#!/bin/sh
# The life of the package at /package.deb in a throw-away root, by real dpkg: what must hold after each step, or an end with 1.
set -eu

home=/opt/aws/amazon-cloudwatch-publisher
config=$home/etc/amazon-cloudwatch-publisher.json
unit=amazon-cloudwatch-publisher.service
system=/etc/systemd/system

step() {
    printf '== %s\n' "$*"
}

holds() {
    "$@" || {
        printf 'does not hold: %s\n' "$*"
        exit 1
    }
}

is_gone() {
    [ ! -e "$1" ] && [ ! -L "$1" ]
}

# What a package may keep for itself, or this test makes, is not listed: dpkg's own books, logs, caches. Nor is /opt, which dpkg
# removes with the last package in it.
files() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/lib/dpkg -o -path /var/log \
        -o -path /var/cache -o -path /package.deb -o -path /life.sh \) -prune -o ! -path /opt -print | sort
}

files >/tmp/files
cp /etc/passwd /etc/group /tmp

step 'a first installation'
dpkg -i /package.deb >/tmp/said 2>&1
cat /tmp/said
holds grep -q 'next: sudo cloudwatch-publisher configure' /tmp/said
holds [ "$(stat -c '%a %U:%G' $home/etc)" = '750 root:cloudwatch-publisher' ]
holds [ "$(stat -c '%a %U:%G' $home/logs)" = '750 cloudwatch-publisher:cloudwatch-publisher' ]
holds [ "$(getent passwd cloudwatch-publisher | cut -d: -f7)" = /usr/sbin/nologin ]
holds grep -qx 'SupplementaryGroups=adm systemd-journal' $system/$unit.d/50-groups.conf
holds [ -e $system/multi-user.target.wants/$unit ]
holds cloudwatch-publisher --version
holds is_gone $config

step 'over an installation of the predecessor, with its unit, its configuration and its link'
echo '{"agent":{"instance":{"serial":"x"}}}' >$config
cp $config /tmp/config
echo '[Unit]' >$system/$unit
ln -s $home/bin/cloudwatch-publisher /usr/local/bin/cloudwatch-publisher
dpkg -i /package.deb
holds cmp $config /tmp/config
holds [ "$(stat -c '%a %U:%G' $config)" = '640 root:cloudwatch-publisher' ]
holds is_gone $system/$unit
holds [ -e $home/etc/$unit.replaced ]
holds is_gone /usr/local/bin/cloudwatch-publisher

step 'an upgrade leaves what an administrator forbade'
ln -s /dev/null $system/$unit
dpkg -i /package.deb
holds [ "$(readlink $system/$unit)" = /dev/null ]
rm $system/$unit

step 'every argument that dpkg may give, and no other'
for argument in abort-upgrade abort-remove abort-deconfigure; do
    holds /var/lib/dpkg/info/cloudwatch-publisher.postinst "$argument"
done
for argument in upgrade deconfigure failed-upgrade; do
    holds /var/lib/dpkg/info/cloudwatch-publisher.prerm "$argument"
done
for argument in upgrade failed-upgrade abort-install abort-upgrade disappear; do
    holds /var/lib/dpkg/info/cloudwatch-publisher.postrm "$argument"
done
for script in postinst prerm postrm; do
    if "/var/lib/dpkg/info/cloudwatch-publisher.$script" nonsense 2>/dev/null; then
        echo "$script takes nonsense"
        exit 1
    fi
done

step 'removed: configuration and state stay'
mkdir -p /var/lib/cloudwatch-publisher
touch /var/lib/cloudwatch-publisher/state.redb
dpkg -r cloudwatch-publisher
holds [ -e $config ]
holds [ -e /var/lib/cloudwatch-publisher/state.redb ]
holds is_gone /usr/bin/cloudwatch-publisher

step 'installed again: they serve on'
dpkg -i /package.deb
holds cmp $config /tmp/config

step 'purged: nothing stays'
dpkg -P cloudwatch-publisher
files >/tmp/left
holds diff /tmp/files /tmp/left
holds cmp /tmp/passwd /etc/passwd
holds cmp /tmp/group /etc/group
