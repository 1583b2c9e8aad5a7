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

step 'over an installation of the predecessor that could not be taken over: it stays as it is'
groupadd -g 1997 cwpublisher
useradd --system -u 1997 -g cwpublisher -d /home/cwpublisher cwpublisher
systemd_unit() {
    printf '[Service]\nUser=cwpublisher\nExecStart=%s/bin/amazon-cloudwatch-publisher\n' $home >$system/$unit
    printf '[Service]\nUser=cwpublisher\n' >$system/$unit.d/override.conf
}
# What its installer ends with.
predecessor() {
    systemd_unit
    echo '#!/usr/bin/env python3' >$home/bin/amazon-cloudwatch-publisher
    echo "$1" >$config
    cp $config /tmp/config
    chown -R cwpublisher: $home
    chmod -R u+rwX,g-rwx,o-rwx $home
}
predecessor '{"agent":{"region":"eu-west-1","instance":{"serial":"x"},"regoin":1}}'
dpkg -i /package.deb >/tmp/said 2>&1
cat /tmp/said
holds grep -q 'runs on' /tmp/said
holds grep -q 'did you mean .region.' /tmp/said
holds [ -f $system/$unit ]
holds [ -f $system/$unit.d/override.conf ]
holds setpriv --reuid cwpublisher --regid cwpublisher --clear-groups sh -c "cat $config >/dev/null"
holds cmp $config /tmp/config
mkdir -p /home/cwpublisher/.aws
predecessor '{"agent":{"region":"eu-west-1","instance":{"serial":"x"}}}'
dpkg -i /package.deb >/tmp/said 2>&1
holds grep -q 'credentials of its own' /tmp/said
holds [ -f $system/$unit ]
rm -r /home/cwpublisher

step 'removed and purged while the predecessor is in charge: what runs is not stopped, and keeps what it has'
prerm=/var/lib/dpkg/info/cloudwatch-publisher.prerm
mkdir /tmp/fake
printf '#!/bin/sh\necho "$*" >>/tmp/invoked\n' >/tmp/fake/deb-systemd-invoke
chmod +x /tmp/fake/deb-systemd-invoke
made=/run/systemd/system
[ -d /run/systemd ] || made=/run/systemd
mkdir -p /run/systemd/system
PATH=/tmp/fake:$PATH $prerm remove
holds is_gone /tmp/invoked
mv $system/$unit /tmp/unit
PATH=/tmp/fake:$PATH $prerm remove
holds grep -qx "stop $unit" /tmp/invoked
mv /tmp/unit $system/$unit
rm -r "$made"
echo 'a line' >$home/logs/amazon-cloudwatch-publisher.log
dpkg -P cloudwatch-publisher >/tmp/said 2>&1
cat /tmp/said
holds grep -q 'is of another installation (the Python publisher' /tmp/said
for kept in $system/$unit $system/$unit.d/override.conf $home/bin/amazon-cloudwatch-publisher $home/logs/amazon-cloudwatch-publisher.log; do
    holds [ -e "$kept" ]
done
holds cmp $config /tmp/config
dpkg -i /package.deb >/tmp/said 2>&1

step 'over links that its user laid: they lead root nowhere'
mkdir -m 700 /etc/victim
for place in etc logs bin; do
    predecessor '{"agent":{"region":"eu-west-1","instance":{"serial":"x"}}}'
    mv $home/$place $home/moved
    ln -s /etc/victim $home/$place
    chown -h cwpublisher: $home/$place
    if /usr/lib/cloudwatch-publisher/prepare >/tmp/said 2>&1; then
        cat /tmp/said
        echo "prepare took the link $place"
        exit 1
    fi
    holds grep -q "$home/$place is a link that another user" /tmp/said
    holds [ "$(stat -c '%a %U:%G' /etc/victim)" = '700 root:root' ]
    holds [ -f $system/$unit ]
    holds setpriv --reuid cwpublisher --regid cwpublisher --clear-groups find $home/moved
    rm $home/$place
    mv $home/moved $home/$place
done
rmdir /etc/victim
predecessor '{}'
echo secret >/etc/victim
chmod 600 /etc/victim
ln -sf /etc/victim $config
chown -h cwpublisher: $config
if /usr/lib/cloudwatch-publisher/prepare >/tmp/said 2>&1; then exit 1; fi
holds grep -q "$config is a link that another user" /tmp/said
holds [ "$(stat -c '%a %U:%G' /etc/victim)" = '600 root:root' ]
holds [ "$(stat -c '%a %U:%G' $home/etc)" = '700 cwpublisher:cwpublisher' ]
rm /etc/victim $config

step 'over one that reads a log which the new user could not: it stays as it is, until there is a way'
echo 'a line' >/var/log/old.log
chown cwpublisher:adm /var/log/old.log
chmod 600 /var/log/old.log
collects='{"agent":{"region":"eu-west-1","instance":{"serial":"x"}},"logs":{"logs_collected":{"files":{"collect_list":[{"file_path":"/var/log/old.log"}]}}}}'
predecessor "$collects"
dpkg -i /package.deb >/tmp/said 2>&1
cat /tmp/said
holds grep -q 'cwpublisher can read /var/log/old.log, and cloudwatch-publisher could not' /tmp/said
holds [ -f $system/$unit ]
holds [ "$(stat -c '%a %U:%G' $home/etc)" = '700 cwpublisher:cwpublisher' ]
chmod 640 /var/log/old.log
/usr/lib/cloudwatch-publisher/prepare
holds is_gone $system/$unit
rm $home/etc/$unit.replaced $system/$unit.d/override.conf.predecessor

step 'over one that reads a log which the new user reads by a group that an administrator gave it'
groupadd -g 1998 readers
usermod -aG readers cloudwatch-publisher
chgrp readers /var/log/old.log
predecessor "$collects"
dpkg -i /package.deb
holds is_gone $system/$unit
gpasswd -d cloudwatch-publisher readers
groupdel readers
rm /var/log/old.log $home/etc/$unit.replaced $system/$unit.d/override.conf.predecessor

step 'over one that can be: its unit and its drop-ins give way, its folders are reachable'
predecessor '{"agent":{"region":"eu-west-1","instance":{"serial":"x"}}}'
ln -s $home/bin/cloudwatch-publisher /usr/local/bin/cloudwatch-publisher
dpkg -i /package.deb
holds cmp $config /tmp/config
holds [ "$(stat -c '%a %U:%G' $home)" = '755 root:root' ]
holds [ "$(stat -c '%a %U:%G' $home/bin)" = '755 root:root' ]
holds setpriv --reuid cloudwatch-publisher --regid cloudwatch-publisher --clear-groups sh -c "exec $home/bin/cloudwatch-publisher --version"
holds [ "$(stat -c '%a %U:%G' $config)" = '640 root:cloudwatch-publisher' ]
holds is_gone $system/$unit
holds is_gone $system/$unit.d/override.conf
holds [ -e $system/$unit.d/override.conf.predecessor ]
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

step 'purged where install-linux.sh has put its own in the place since: only the books go'
mkdir -p $home/bin
echo 'the program' >$home/bin/cloudwatch-publisher
chmod +x $home/bin/cloudwatch-publisher
printf '[Service]\nExecStart=%s/bin/cloudwatch-publisher run\n[Install]\nWantedBy=multi-user.target\n' $home >$system/$unit
ln -sf $system/$unit $system/multi-user.target.wants/$unit
dpkg -P cloudwatch-publisher >/tmp/said 2>&1
cat /tmp/said
holds grep -q 'is of another installation' /tmp/said
for kept in $config $home/bin/cloudwatch-publisher $system/$unit /var/lib/cloudwatch-publisher/state.redb $system/$unit.d/50-groups.conf; do
    holds [ -e "$kept" ]
done
holds [ "$(readlink $system/multi-user.target.wants/$unit)" = $system/$unit ]
holds getent passwd cloudwatch-publisher
rm $home/bin/cloudwatch-publisher $system/$unit $system/multi-user.target.wants/$unit

step 'installed again: they serve on'
dpkg -i /package.deb
holds cmp $config /tmp/config

step 'purged, after an edit of the whole unit: nothing stays but what others put there, which is named'
cp /lib/systemd/system/$unit $system/$unit
echo 'a key' >$home/etc/private.key
dpkg -P cloudwatch-publisher >/tmp/said 2>&1
for other in $home/etc/private.key $home/bin/amazon-cloudwatch-publisher; do
    holds [ -e "$other" ]
    holds grep -q "$other" /tmp/said
done
holds is_gone $config
holds is_gone /var/lib/cloudwatch-publisher
rm $system/$unit
rm -r $home $system/$unit.d
rmdir --ignore-fail-on-non-empty /opt/aws
userdel cwpublisher
rm -f /etc/subuid- /etc/subgid-
files >/tmp/left
holds diff /tmp/files /tmp/left
holds cmp /tmp/passwd /etc/passwd
holds cmp /tmp/group /etc/group
