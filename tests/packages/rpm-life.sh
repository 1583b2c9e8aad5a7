#!/bin/sh
# The life of the .rpm in a throw-away root, by real rpm from outside: ROOT FIRST SECOND. What must hold after each step, or an
# end with 1. SECOND is FIRST packed anew; what the manual shows in place of a purge lies at /purge.sh in the root.
#
# Its systemctl is a stand-in, so that the scripts find systemd running: it does what needs none and writes down every call.
set -eu

root=$1 first=$2 second=$3
home=/opt/aws/amazon-cloudwatch-publisher
config=$home/etc/amazon-cloudwatch-publisher.json
unit=amazon-cloudwatch-publisher.service
system=/etc/systemd/system
wants=$system/multi-user.target.wants/$unit

step() {
    printf '== %s\n' "$*"
}

holds() {
    "$@" || {
        printf 'does not hold: %s\n' "$*"
        exit 1
    }
}

inside() {
    PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"
}

# Debian's rpm keeps its books elsewhere, and asks whether one is sure.
by_rpm() {
    rpm --force-debian --root "$root" --define '_dbpath /var/lib/rpm' "$@" >"$said" 2>&1 || {
        cat "$said"
        printf 'failed: rpm %s\n' "$*"
        exit 1
    }
    cat "$said"
}

is_gone() {
    [ ! -e "$root$1" ] && [ ! -L "$root$1" ]
}

is_there() {
    [ -e "$root$1" ] || [ -L "$root$1" ]
}

owner() {
    inside stat -c '%a %U:%G' "$1"
}

# asked CALL…: what systemctl was called for since the last time, one word for each call that was for the unit.
asked() {
    printf '%s\n' "$@" >"$root/tmp/expected"
    mv "$root/tmp/asked" "$root/tmp/found"
    : >"$root/tmp/asked"
    holds diff "$root/tmp/expected" "$root/tmp/found"
}

# What others keep for themselves, or this test makes, is not listed. Folders of zsh and fish belong to these on RPM's systems.
files() {
    inside find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run -o -path /var/lib/rpm \
        -o -path /var/tmp -o -path /var/log -o -path /usr/bin/systemctl.real -o -path /usr/share/zsh -o -path /usr/share/fish \
        -o -path /purge.sh \) -prune -o ! -path /opt ! -path /opt/aws ! -path "/usr/share/*/completions" ! -path "/usr/share/man*" \
        ! -path /usr/share/licenses -print | sort
}

said=$root/tmp/said
mkdir -p "$root/run/systemd/system"
mv "$root/bin/systemctl" "$root/bin/systemctl.real"
cat >"$root/bin/systemctl" <<-'END'
	#!/bin/sh
	# A question, and no answer.
	[ "$1" != show ] || exit 0
	printf '%s\n' "$*" | sed 's/ amazon-cloudwatch-publisher.service//' >>/tmp/asked
	case " $* " in
	    *' enable '* | *' disable '*) exec systemctl.real --root=/ "$@" ;;
	esac
END
chmod 755 "$root/bin/systemctl"
: >"$root/tmp/asked"
files >"$root/tmp/files"
cp "$root/etc/passwd" "$root/etc/group" "$root/tmp"

step 'a first installation'
by_rpm --install --nodeps "$first"
holds grep -q 'next: sudo cloudwatch-publisher configure' "$said"
asked '--no-reload enable' daemon-reload
holds is_there "$wants"
holds [ "$(owner $home/etc)" = '750 root:cloudwatch-publisher' ]
holds [ "$(owner $home/logs)" = '750 cloudwatch-publisher:cloudwatch-publisher' ]
holds [ "$(inside getent passwd cloudwatch-publisher | cut -d: -f7)" = /usr/sbin/nologin ]
holds grep -qx 'SupplementaryGroups=adm systemd-journal' "$root$system/$unit.d/50-groups.conf"
holds inside cloudwatch-publisher --version
holds is_gone $config
readelf --wide --sections "$root$home/bin/cloudwatch-publisher" >"$root/tmp/sections"
holds grep -q ' \.text ' "$root/tmp/sections"
holds [ "$(grep -c ' \.symtab ' "$root/tmp/sections")" = 0 ]
by_rpm --verify --nodeps cloudwatch-publisher

step 'a configuration, and the service prepared for it'
inside cloudwatch-publisher configure $config --template linux-server --set agent.region=eu-west-1 \
    --set agent.instance.serial=x >/dev/null
inside /usr/lib/cloudwatch-publisher/prepare
holds [ "$(owner $config)" = '640 root:cloudwatch-publisher' ]

step 'an upgrade: started anew once, by the old version and when its files are gone; what is not the package'\''s stays'
cp "$root$config" "$root/tmp/config"
inside install -d -o cloudwatch-publisher /var/lib/cloudwatch-publisher
echo state >"$root/var/lib/cloudwatch-publisher/state.redb"
echo '[Service]' >"$root$system/$unit.d/90-own.conf"
cp "$root/etc/passwd" "$root/tmp/passwd-installed"
by_rpm --upgrade --nodeps "$second"
asked daemon-reload daemon-reload try-restart
holds cmp "$root$config" "$root/tmp/config"
holds [ "$(owner $config)" = '640 root:cloudwatch-publisher' ]
holds [ "$(cat "$root/var/lib/cloudwatch-publisher/state.redb")" = state ]
holds is_there "$system/$unit.d/90-own.conf"
holds cmp "$root/etc/passwd" "$root/tmp/passwd-installed"
holds inside cloudwatch-publisher --version
by_rpm --verify --nodeps cloudwatch-publisher

step 'packed anew over what an administrator forbade: it stays forbidden'
inside systemctl.real --root=/ disable $unit 2>/dev/null
ln -s /dev/null "$root$system/$unit"
by_rpm --upgrade --oldpackage --nodeps "$first"
asked daemon-reload daemon-reload try-restart
holds is_gone "$wants"
holds [ "$(readlink "$root$system/$unit")" = /dev/null ]
rm "$root$system/$unit"

step 'erased: stopped first; configuration, state and user stay'
inside systemctl.real --root=/ enable $unit 2>/dev/null
by_rpm --erase cloudwatch-publisher
asked '--no-reload disable' stop daemon-reload reset-failed
holds is_gone "$wants"
holds is_gone /usr/lib/cloudwatch-publisher
holds is_gone $home/bin
holds cmp "$root$config" "$root/tmp/config"
holds is_there /var/lib/cloudwatch-publisher/state.redb
holds inside getent passwd cloudwatch-publisher

step 'installed over an installation of the predecessor: its unit gives way, and ours is started'
printf '[Service]\nUser=nobody\nExecStart=%s/bin/amazon-cloudwatch-publisher\n' $home >"$root$system/$unit"
by_rpm --install --nodeps "$second"
asked '--no-reload enable' daemon-reload restart
holds is_gone "$system/$unit"
holds is_there "$home/etc/$unit.replaced"
holds cmp "$root$config" "$root/tmp/config"

step 'erased while the predecessor is in charge: what runs is neither stopped nor disabled'
printf '[Service]\nUser=nobody\nExecStart=%s/bin/amazon-cloudwatch-publisher\n' $home >"$root$system/$unit"
by_rpm --erase cloudwatch-publisher
asked daemon-reload reset-failed
holds is_there "$wants"
rm "$root$system/$unit" "$root$wants"
by_rpm --install --nodeps "$second"

step 'erased, and what the manual says to delete deleted: nothing stays'
by_rpm --erase cloudwatch-publisher
rm "$root$system/$unit.d/90-own.conf.predecessor"
inside sh -eu /purge.sh
files >"$root/tmp/left"
holds diff "$root/tmp/files" "$root/tmp/left"
holds cmp "$root/tmp/passwd" "$root/etc/passwd"
holds cmp "$root/tmp/group" "$root/etc/group"
step 'gone'
