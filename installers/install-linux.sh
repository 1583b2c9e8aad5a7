#!/bin/sh
# Installs, upgrades and removes cloudwatch-publisher on Linux. docs/installation.md has the long form of everything here.
#
# POSIX sh. It may be run again at any time, also after it was killed: what is done already is left as it is. The service
# that runs, of the Python publisher too, is stopped only when everything for the new one is there and has been judged.
# The rule that is easy to break: a password is never an argument of a program, is never exported, and never goes through sed.
set -eu
umask 022
# `su` without a dash leaves a user's PATH to root.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

service=cloudwatch-publisher
unit=amazon-cloudwatch-publisher.service
home=/opt/aws/amazon-cloudwatch-publisher
program=$home/bin/cloudwatch-publisher
config=$home/etc/amazon-cloudwatch-publisher.json
manual=docs/installation.md
way_to_logs="let a group of $service read it (chgrp $service FILE; chmod g+r FILE, and the same in logrotate's \`create\`, or the next \
rotation takes it back), or give --read-all-logs"
secret=$home/etc/cognito-password
link=/usr/local/bin/cloudwatch-publisher
state=/var/lib/cloudwatch-publisher
unit_file=/etc/systemd/system/$unit
drop_ins=$unit_file.d
predecessor_unit=$home/etc/$unit.predecessor
# The drop-ins that this script writes.
own_drop_ins="50-groups.conf 50-password.conf 60-read-all-logs.conf"

# Everything that is not finished lies here, and goes with the end of the run or the beginning of the next.
work=$home/.install
next_program=$home/bin/.cloudwatch-publisher.new
next_config=$home/etc/.amazon-cloudwatch-publisher.json.new
# What the administrator has merged over the configuration.
fragments=$home/etc/amazon-cloudwatch-publisher.d
# Something was put in its place, and what runs is older: a run that was killed in between leaves this to the next.
pending=$home/.restart

help() {
    cat <<'HELP'
Usage: install-linux.sh [OPTIONS]             install, upgrade or change
       install-linux.sh --uninstall [--purge]

Asks on the terminal for what is missing; without a terminal, or with --unattended, it asks nothing. An existing configuration
is kept: only what is given here is set in it.

What the service signs in with (a variable of the environment serves as well: CLOUDWATCH_PUBLISHER_REGION and so on)
  --region REGION            the AWS region
  --account-id ID            the AWS account, 12 digits
  --user-pool-id ID          Cognito's user pool
  --identity-pool-id ID      Cognito's identity pool
  --app-client-id ID         the app client of the user pool
  --password-file FILE       its first line is the password of this machine's Cognito user; - reads it from standard input.
                             Or the variable CLOUDWATCH_PUBLISHER_PASSWORD. Never an argument: everybody could read it
  Without any of Cognito's: the standard AWS credential chain, or what the configuration says

What it publishes
  --config FILE              a ready configuration, such as `provision users --output` wrote
  --template NAME            raspberry-pi, linux-server, iot-device or minimal [default: by the machine]
  --prefix TEXT              the first part of the instance id
  --serial TEXT              the second part
  --set PATH=TEXT            any value of the configuration; may be repeated
  --set-json PATH=JSON       the same for numbers, true, false, lists and objects
  --read-all-logs            may read logs that are root's alone (0600)

Where the program comes from [default: beside this script, else the one that is installed]
  --binary FILE              the program
  --url URL                  an archive (.tar.gz) or the program itself, fetched with curl or wget
  --sha256 HEX               its checksum [default: the first word at URL.sha256, by curl and https only]

How it is done
  --unattended               never asks
  --no-start                 installs, and starts nothing
  --wait SECONDS             how long the first delivery is waited for [default: 60]
  --dry-run                  prints every act and does none
  --uninstall                removes the service, the program and what belongs to them; configuration and state stay
  --purge                    with --uninstall: these too, and the user

Exit codes: 0 done and delivering, 64 wrong usage or something missing, 65 a program for another machine or a wrong checksum,
66 no such file, 69 installed but not delivering yet, or a download that failed, 70 the system did not do something, 75 another
run is under way, 77 not root, 78 a wrong configuration, 130 interrupted. After 64 to 66, 75, 77 and 78 whatever ran before runs on.
HELP
}

# --- telling ---------------------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }

# die CODE SENTENCE…: the last word of a run.
die() {
    code=$1
    shift
    printf 'error: %s\n' "$*" >&2
    is_explained=yes
    exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }
is_dry() { [ -n "$dry_run" ]; }

# act COMMAND…: does it, or says what would be done.
act() {
    if is_dry; then
        say "would run: $*"
    else
        "$@" || die 70 "\`$*\` failed; mend what it says above, and run this again"
    fi
}

# put FILE MODE OWNER: what comes on standard input becomes the file, whole or not at all.
put() {
    if is_dry; then
        say "would write: $1 ($2, $3)"
        cat >/dev/null
        return
    fi
    (umask 077 && cat >"$1.new") || die 70 "$1 cannot be written; is the disk full or read-only? Then run this again"
    act chown "$3" "$1.new"
    act chmod "$2" "$1.new"
    act mv -f "$1.new" "$1"
}

# --- the end of a run ------------------------------------------------------------------------------------------------------

is_explained=
doing="starting"
echo_is_off=
switching=
was_pending=
user_is_new=
folder_rights=

finish() {
    status=$?
    trap - EXIT
    set +e
    if [ -n "$echo_is_off" ]; then stty echo </dev/tty; fi
    if [ -n "$switching" ] && [ "$status" -ne 0 ]; then roll_back; fi
    if [ -n "$user_is_new" ]; then remove_user >/dev/null 2>&1; fi
    if ! is_dry && [ -n "$owns_work" ]; then
        rm -rf "$work" "$next_program" "$next_config" "${next_config%.*}.d" "$secret.new"
        # Folders of a run that came to nothing.
        rmdir "$home/etc" "$home/bin" "$home" "${home%/*}" 2>/dev/null
    fi
    if [ "$status" -ne 0 ]; then give_folders_back; fi
    if [ "$status" -ne 0 ] && [ -z "$is_explained" ]; then
        printf 'error: %s did not work (%s); run this again once it is mended\n' "$doing" "$status" >&2
        [ "$status" -ge 64 ] || status=70
    fi
    exit "$status"
}

interrupted() {
    die 130 "interrupted while $doing; run this again, it goes on where it was"
}

# --- what is there ---------------------------------------------------------------------------------------------------------

has_systemd() { [ -d /run/systemd/system ] && has systemctl; }

systemd_version() {
    systemctl --version 2>/dev/null | sed -n '1s/^[^0-9]*\([0-9][0-9]*\).*/\1/p'
}

has_group() {
    if has getent; then getent group "$1" >/dev/null; else grep -q "^$1:" /etc/group; fi
}

has_user() { id -u "$1" >/dev/null 2>&1; }

# The groups that may read logs, of those that are here.
log_groups() {
    found=
    for group in adm systemd-journal; do
        if has_group "$group"; then found="$found $group"; fi
    done
    printf '%s' "${found# }"
}

# The unit that is in force: the installer's, else a package's or the predecessor's.
present_unit() {
    for folder in /etc/systemd/system /lib/systemd/system /usr/lib/systemd/system; do
        if [ -f "$folder/$unit" ]; then
            printf '%s' "$folder/$unit"
            return
        fi
    done
}

is_ours() { grep -q "^ExecStart=$program " "$1"; }

main_process() { systemctl show -p MainPID "$unit" 2>/dev/null | sed -n 's/^MainPID=//p'; }

# Whether the program that runs as the service is ours: after --no-start the unit is, and the old program runs on.
runs_ours() {
    process=$(main_process)
    case $(readlink "/proc/${process:-0}/exe" 2>/dev/null) in
        */cloudwatch-publisher | */cloudwatch-publisher' (deleted)') return 0 ;;
        *) return 1 ;;
    esac
}

# Whether it is this run that sets the predecessor's unit and its drop-ins aside, and not an earlier one that started nothing.
sets_aside() { [ -n "$takes_over" ] && [ "$takes_over" != "$predecessor_unit" ]; }

# rights_of FILE: its mode, its owner, its path.
rights_of() { stat -c '%a %u:%g %n' "$1"; }

# is_same FILE FILE
is_same() { cmp -s "$1" "$2" 2>/dev/null; }

# --- the program -----------------------------------------------------------------------------------------------------------

# machine_of FILE: what the header of an ELF file says, 20 bytes of it.
machine_of() {
    # shellcheck disable=SC2046 # the bytes are words
    set -- $(od -An -v -tx1 -N20 "$1" 2>/dev/null)
    if [ $# -lt 20 ] || [ "$1$2$3$4" != 7f454c46 ]; then
        printf 'none'
        return
    fi
    class=$5
    order=$6
    shift 18
    if [ "$order" = 01 ]; then number=$2$1; else number=$1$2; fi
    case $class-$number in
        02-003e) printf 'x86_64' ;;
        01-0003) printf 'i686' ;;
        02-00b7) printf 'aarch64' ;;
        01-0028) printf 'arm' ;;
        02-00f3) printf 'riscv64' ;;
        *) printf 'unknown' ;;
    esac
}

# Which programs this kernel can run.
runs_here() {
    case $(uname -m)-$1 in
        x86_64-x86_64 | x86_64-i686 | i?86-i686 | aarch64-aarch64 | aarch64-arm | arm*-arm | riscv64-riscv64) return 0 ;;
        *) return 1 ;;
    esac
}

# Looks at the program before anything is touched.
check_machine() {
    machine=$(machine_of "$1")
    case $machine in
        none) die 65 "$1 is no Linux program; take the archive for Linux and $(uname -m)" ;;
        unknown) die 65 "$1 is built for a processor that is not known here; this machine is $(uname -m)" ;;
    esac
    runs_here "$machine" || die 65 "$1 is built for $machine, and this machine is $(uname -m); take the archive for $(uname -m)"
}

# fetch URL FILE
fetch() {
    if has curl; then
        case $1 in
            https://*) set -- "$@" --proto '=https' --proto-redir '=https' ;;
        esac
        from=$1 to=$2
        shift 2
        curl -fsSL --retry 3 --connect-timeout 20 "$@" -o "$to" "$from"
    else
        wget -q -O "$2" "$1"
    fi
}

sum_of() {
    if has sha256sum; then
        sha256sum <"$1" | cut -d ' ' -f 1
    else
        openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
    fi
}

download() {
    doing="fetching $url"
    if is_dry; then
        say "would fetch: $url, and check its sha256"
        return
    fi
    has sha256sum || has openssl || die 66 "neither sha256sum nor openssl is here to check the download; install one"
    # Some wget, busybox's for one, look at no certificate.
    has curl || [ -n "$sha256" ] || die 64 "curl is not here, and wget may check no certificate: give the checksum with --sha256, or install curl"
    has curl || has wget || die 66 "neither curl nor wget is here to fetch $url; install one, or download it elsewhere and give --binary"
    fetch "$url" "$work/download" || die 69 "$url cannot be fetched; check the address and the network, and run this again"
    if [ -z "$sha256" ]; then
        case $url in
            https://* | file://*) ;;
            *) die 64 "$url is not https: give the checksum with --sha256" ;;
        esac
        fetch "$url.sha256" "$work/sum" || die 69 "$url.sha256 cannot be fetched; give the checksum with --sha256"
        read -r sha256 _ <"$work/sum" || true
    fi
    sum=$(sum_of "$work/download")
    [ "$sum" = "$(printf '%s' "$sha256" | tr 'A-F' 'a-f')" ] ||
        die 65 "$url has the checksum $sum and not $sha256; it is damaged or another file: nothing was installed"
    mkdir -p "$work/archive"
    case $url in
        *.tar.gz | *.tgz)
            tar -xzf "$work/download" -C "$work/archive" || die 65 "$url is no archive that tar can read"
            binary=$(find "$work/archive" -type f -name cloudwatch-publisher | head -n 1)
            [ -n "$binary" ] || die 65 "the archive at $url holds no file named cloudwatch-publisher"
            ;;
        *) binary=$work/download ;;
    esac
}

# The folder of this script; `sh install-….sh` names none.
find_here() {
    here=
    case $0 in
        */*) here=$(cd "$(dirname "$0")" && pwd) ;;
        *) if [ -f "./$0" ]; then here=$(pwd); fi ;;
    esac
}

# Where the program and the files of the service are taken from.
find_sources() {
    find_here
    if [ -n "$url" ]; then
        download
    elif [ -z "$binary" ]; then
        for place in "$here" "$here/.." "$here/../bin"; do
            if [ -n "$here" ] && [ -f "$place/cloudwatch-publisher" ]; then
                binary=$place/cloudwatch-publisher
                break
            fi
        done
        if [ -z "$binary" ] && [ -f "$program" ]; then
            binary=$program
            say "no program is beside this script: the one that is installed stays"
        fi
    fi
    if [ -z "$binary" ] && ! { is_dry && [ -n "$url" ]; }; then
        die 66 "no program: put cloudwatch-publisher beside this script, or give --binary FILE or --url URL"
    fi
    if [ -n "$binary" ]; then
        [ -f "$binary" ] || die 66 "$binary does not exist; --binary takes the program's file"
        check_machine "$binary"
    fi
    if has_systemd; then find_unit; fi
}

find_unit() {
    new_unit=
    for place in "$here/service/$unit" "$here/$unit"; do
        if [ -n "$here" ] && [ -f "$place" ]; then new_unit=$place; fi
    done
    if [ -z "$new_unit" ] && [ -d "$work/archive" ]; then new_unit=$(find "$work/archive" -type f -name "$unit" | head -n 1); fi
    if [ -z "$new_unit" ] && [ -f "$unit_file" ] && is_ours "$unit_file"; then new_unit=$unit_file; fi
    [ -n "$new_unit" ] || { is_dry && [ -n "$url" ]; } ||
        die 66 "$unit is not beside this script: keep the folder \`service\` of the archive with it"
}

# Puts the program beside its place, where it can be run, and runs it.
stage_program() {
    doing="looking at the program"
    if is_dry; then
        say "would write: $program (0755, root:root), after it was run there once"
        runner=$binary
        if [ -n "$runner" ] && ! "$runner" --version >/dev/null 2>&1; then runner=; fi
        return
    fi
    cp "$binary" "$next_program" || die 70 "$next_program cannot be written; is the disk full or read-only?"
    chown root:root "$next_program"
    chmod 0755 "$next_program"
    if version=$("$next_program" --version 2>"$work/complaint"); then
        say "program: $version, for $machine"
    else
        code=$?
        case $machine-$(getconf LONG_BIT 2>/dev/null) in
            *64-32) die 65 "$binary is a program of 64 bits, and this is a system of 32 bits, whatever \`uname -m\` says of its kernel; take the" \
                "archive for armv7-unknown-linux-gnueabihf on a Raspberry Pi" ;;
        esac
        die 65 "$binary does not run on this machine (exit code $code): $(tail -n 1 "$work/complaint"); it needs another build, for an" \
            "older processor or for the C library that is here"
    fi
    runner=$next_program
}

# --- the configuration -----------------------------------------------------------------------------------------------------

# ask VARIABLE QUESTION DEFAULT
ask() {
    printf '%s%s: ' "$2" "${3:+ [$3]}" >/dev/tty
    IFS= read -r answer </dev/tty || die 64 "no answer; run this again, or give what is missing as options (--help)"
    [ -n "$answer" ] || answer=$3
    eval "$1=\$answer"
}

ask_password() {
    printf 'Password of the Cognito user: ' >/dev/tty
    echo_is_off=yes
    stty -echo </dev/tty
    IFS= read -r password </dev/tty || die 64 "no password; run this again"
    stty echo </dev/tty
    echo_is_off=
    printf '\n' >/dev/tty
}

can_ask() { [ -z "$unattended" ] && (: </dev/tty) 2>/dev/null; }

read_password() {
    if [ "$password_file" = - ]; then
        IFS= read -r password || [ -n "$password" ] || die 64 "standard input has no password"
    elif [ -n "$password_file" ]; then
        [ -r "$password_file" ] || die 66 "$password_file cannot be read; --password-file takes a file with the password in it"
        IFS= read -r password <"$password_file" || [ -n "$password" ] || die 64 "$password_file is empty; its first line has to be the password"
    fi
    case $password in
        *'
'*) die 64 "the password has a line break in it; CLOUDWATCH_PUBLISHER_PASSWORD takes one line" ;;
    esac
}

default_template() {
    if grep -q 'Raspberry Pi' /proc/device-tree/model 2>/dev/null; then printf 'raspberry-pi'; else printf 'linux-server'; fi
}

# Asks for what a new configuration lacks, or says all of it at once.
gather() {
    doing="asking"
    if can_ask; then
        if [ -z "$user_pool_id" ] && [ -z "$region" ]; then
            say "Sign in with Cognito (\`provision deploy\` printed these), or leave the pool empty for the standard AWS credential chain."
            ask user_pool_id "User Pool ID" ""
        fi
        from_pool=${user_pool_id%%_*}
        [ -n "$region" ] || ask region "Region" "${from_pool:-${AWS_REGION:-${AWS_DEFAULT_REGION:-eu-central-1}}}"
        if signs_in_with_cognito; then
            [ -n "$account_id" ] || ask account_id "Account ID" ""
            [ -n "$user_pool_id" ] || ask user_pool_id "User Pool ID" ""
            [ -n "$identity_pool_id" ] || ask identity_pool_id "Identity Pool ID" ""
            [ -n "$app_client_id" ] || ask app_client_id "App Client ID" ""
            [ -n "$password" ] || ask_password
        fi
    fi
    missing=
    [ -n "$region" ] || missing="$missing --region"
    if signs_in_with_cognito; then
        [ -n "$account_id" ] || missing="$missing --account-id"
        [ -n "$user_pool_id" ] || missing="$missing --user-pool-id"
        [ -n "$identity_pool_id" ] || missing="$missing --identity-pool-id"
        [ -n "$app_client_id" ] || missing="$missing --app-client-id"
        [ -n "$password" ] || missing="$missing --password-file"
    fi
    [ -z "$missing" ] || die 64 "missing:$missing; give them, the variables of --help, or a ready configuration with --config"
}

signs_in_with_cognito() {
    [ -n "$account_id$user_pool_id$identity_pool_id$app_client_id$password" ]
}

# with_changes COMMAND…: runs it with everything that was given to set. A list is built in the arguments: sh has no other.
with_changes() {
    if [ -n "$password" ]; then set -- "$@" --unset agent.authentication.password; fi
    if [ -n "$password" ] && hands_over_password; then set -- "$@" --unset agent.authentication.password_file; fi
    if [ -n "$password" ] && ! hands_over_password; then set -- "$@" --set "agent.authentication.password_file=$secret"; fi
    if [ -n "$region" ]; then set -- "$@" --set "agent.region=$region"; fi
    if [ -n "$account_id" ]; then set -- "$@" --set "agent.authentication.accountId=$account_id"; fi
    if [ -n "$user_pool_id" ]; then set -- "$@" --set "agent.authentication.userPoolId=$user_pool_id"; fi
    if [ -n "$identity_pool_id" ]; then set -- "$@" --set "agent.authentication.identityPoolId=$identity_pool_id"; fi
    if [ -n "$app_client_id" ]; then set -- "$@" --set "agent.authentication.appClientId=$app_client_id"; fi
    if [ -n "$prefix" ]; then set -- "$@" --set "agent.instance.prefix=$prefix"; fi
    if [ -n "$serial" ]; then set -- "$@" --set "agent.instance.serial=$serial"; fi
    while IFS= read -r change; do
        case $change in
            --set=*) set -- "$@" --set "${change#--set=}" ;;
            --set-json=*) set -- "$@" --set-json "${change#--set-json=}" ;;
        esac
    done <<CHANGES
$changes
CHANGES
    "$@"
}

# systemd hands the password over since 247; otherwise the service reads its file.
hands_over_password() {
    has_systemd && [ "$(systemd_version)" -ge 247 ]
}

has_changes() {
    [ -n "$region$account_id$user_pool_id$identity_pool_id$app_client_id$password$prefix$serial$changes" ]
}

# lay_fragments_beside FILE: a copy of the configuration is judged with what is merged over it.
lay_fragments_beside() {
    if [ -d "$fragments" ]; then ln -sfn "$fragments" "${1%.*}.d"; fi
}

# Makes the configuration that shall be, beside the one that is, and has it judged.
stage_config() {
    doing="making the configuration"
    if [ -n "$template" ] && { [ -n "$given_config" ] || [ -f "$config" ]; }; then
        warn "--template $template is for a new configuration; ${given_config:-$config} is taken without it"
    fi
    if is_dry; then
        dry_config
        return
    fi
    rm -f "$next_config"
    lay_fragments_beside "$next_config"
    is_from_template=
    if [ -n "$given_config" ]; then
        [ -r "$given_config" ] || die 66 "$given_config cannot be read; --config takes a configuration"
        (umask 077 && cat "$given_config" >"$next_config")
    elif [ -f "$config" ]; then
        (umask 077 && cat "$config" >"$next_config")
    else
        is_from_template=yes
    fi
    if [ -n "$is_from_template" ]; then
        set -- --template "${template:-$(default_template)}"
        if ! signs_in_with_cognito && [ "$template" != iot-device ]; then set -- "$@" --unset agent.authentication; fi
        with_changes judged configure "$next_config" "$@"
    elif has_changes; then
        with_changes judged configure "$next_config"
    fi
    if grep -q 'replace-with-' "$next_config"; then
        die 78 "the configuration still has values to be replaced: $(grep -o '"[^"]*": *"replace-with-[^"]*"' "$next_config" | tr '\n' ' ')" \
            "give them with --set PATH=TEXT"
    fi
    # The file by itself; then who this machine is; then the rest, which needs both.
    judged configure "$next_config"
    find_instance_id
    doing="judging the configuration"
    judged check "$next_config"
}

find_instance_id() {
    doing="finding the instance id"
    instance_id=$("$runner" instance-id "$next_config" </dev/null 2>"$work/complaint") && return
    complain "$work/complaint"
    die 78 "this machine has no instance id; give one with --serial TEXT (and --prefix TEXT). Nothing that runs was touched"
}

# complain FILE: says what is in it, with the names that the files will have.
complain() {
    sed -e "s#$next_config#$config#g" -e 's#\.amazon-cloudwatch-publisher\.json\.d#amazon-cloudwatch-publisher.d#g' "$1" >&2
}

# judged ARGUMENTS…: the program's own word on the configuration; what it says is said where it says no.
judged() {
    "$runner" "$@" </dev/null >"$work/said" 2>&1 && return
    complain "$work/said"
    die 78 "the configuration is not right; mend what is said above and run this again. Nothing that runs was touched"
}

# Who is not root may look for the configuration in vain.
is_hidden() {
    is_dry || return 1
    for folder in "$home" "$home/etc"; do
        if [ -d "$folder" ] && [ ! -x "$folder" ]; then return 0; fi
    done
    return 1
}

dry_config() {
    if is_hidden; then
        say "cannot be seen without root: whether there is a configuration in $home/etc; with sudo this says what would become of it"
        return
    fi
    if [ -n "$given_config" ]; then
        say "would write: $config (0640, root:$service), from $given_config"
    elif [ ! -f "$config" ]; then
        say "would write: $config (0640, root:$service), from the template ${template:-$(default_template)}"
    elif has_changes; then
        say "would change: $config"
    else
        say "would keep: $config"
    fi
    present=${given_config:-$config}
    [ -n "$runner" ] && [ -f "$present" ] || return 0
    "$runner" check "$present" </dev/null >/dev/null || die 78 "$present is not right; mend what is said above"
}

# --- the service's user ----------------------------------------------------------------------------------------------------

make_user() {
    doing="making the user $service"
    if ! has_group "$service"; then
        if has groupadd; then act groupadd --system "$service"; else act addgroup -S "$service"; fi
    fi
    if ! has_user "$service"; then
        is_dry || user_is_new=yes
        shell=/usr/sbin/nologin
        [ -x $shell ] || shell=/sbin/nologin
        if has useradd; then
            act useradd --system --gid "$service" --no-create-home --home-dir /nonexistent --shell $shell \
                --comment "Amazon CloudWatch Publisher" "$service"
        else
            act adduser -S -D -H -h /nonexistent -s $shell -G "$service" -g "Amazon CloudWatch Publisher" "$service"
        fi
    fi
    if ! has_systemd; then
        for group in $(log_groups); do
            if id -nG "$service" 2>/dev/null | tr ' ' '\n' | grep -qx "$group"; then continue; fi
            if has usermod; then act usermod -a -G "$group" "$service"; else act addgroup "$service" "$group"; fi
        done
    fi
}

# The group too, where it did not go with the user.
remove_user() {
    if has_user "$service"; then
        if has userdel; then act userdel "$service"; else act deluser "$service"; fi
    fi
    if has_group "$service" && ! is_dry; then
        if has groupdel; then act groupdel "$service"; else act delgroup "$service"; fi
    fi
}

# Whether the service reads every file: by this run, or by an earlier one's drop-in.
reads_all_logs() {
    has_systemd || return 1
    [ -n "$read_all_logs" ] || { ! sets_aside && [ -f "$drop_ins/60-read-all-logs.conf" ]; }
}

# The groups that the service will have: those that read logs, its user's, and those of drop-ins that stay in force.
service_groups() {
    in_force=
    if has_systemd && ! sets_aside; then in_force=$(cat "$drop_ins"/*.conf 2>/dev/null | sed -n 's/^SupplementaryGroups=//p'); fi
    # shellcheck disable=SC2046,SC2086 # the groups are words
    set -- $(log_groups) $(id -nG "$service" 2>/dev/null) $in_force
    printf '%s' "$*"
}

# Whose the predecessor's service is: as it runs, since drop-ins may say otherwise than its unit; else as its unit says.
note_old_user() {
    old_user=$(sed -n 's/^User=//p' "$takes_over" | tail -n 1)
    [ -n "$was_active" ] || return 0
    its_status=$(cat "/proc/$(main_process)/status" 2>/dev/null) || return 0
    old_uid=$(printf '%s\n' "$its_status" | sed -n 's/^Uid:[[:space:]]*[0-9]*[[:space:]]*\([0-9]*\).*/\1/p')
    old_gid=$(printf '%s\n' "$its_status" | sed -n 's/^Gid:[[:space:]]*[0-9]*[[:space:]]*\([0-9]*\).*/\1/p')
    old_groups=$(printf '%s\n' "$its_status" | sed -n 's/^Groups:[[:space:]]*//p' | sed 's/[[:space:]]*$//; s/[[:space:]][[:space:]]*/,/g')
    its_name=$(id -nu "$old_uid" 2>/dev/null) || return 0
    if [ "$its_name" != "${old_user:-root}" ]; then old_user=$its_name; fi
}

# old_one_reads FILE: whether the predecessor's service may read it.
old_one_reads() {
    # shellcheck disable=SC2016 # the words of the shell within
    set -- sh -c '[ -r "$1" ] && { [ ! -d "$1" ] || [ -x "$1" ]; }' sh "$1"
    if [ "${old_user:-root}" = root ] || [ "$old_uid" = 0 ]; then return 0; fi
    if [ -n "$old_uid" ]; then
        if [ -n "$old_groups" ]; then set -- --groups "$old_groups" "$@"; else set -- --clear-groups "$@"; fi
        setpriv --reuid "$old_uid" --regid "$old_gid" "$@" 2>/dev/null
        return
    fi
    setpriv --reuid "$old_user" --regid "$(id -g "$old_user")" --init-groups "$@" 2>/dev/null
}

# as_service COMMAND…: with the rights that the service will have, no new ones to be had; under systemd in its sandbox.
as_service() {
    groups=$(service_groups)
    if has_systemd && has systemd-run; then
        in_sandbox "$@" && return
        status=$?
        # Anything else is systemd-run's own: too old, no bus.
        [ "$status" -ne 78 ] || return 78
    fi
    if setpriv --reuid "$service" --regid "$service" --clear-groups --no-new-privs true 2>/dev/null; then
        # It gives root's rights up only by becoming another program: that must not be the one in question.
        set -- sh -c 'exec "$@"' sh "$@"
        if [ -n "$groups" ]; then set -- --groups "$(printf '%s' "$groups" | tr ' ' ,)" "$@"; else set -- --clear-groups "$@"; fi
        setpriv --reuid "$service" --regid "$service" --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
    else
        quoted=
        for word in "$@"; do quoted="$quoted '$word'"; done
        su -s /bin/sh "$service" -c "exec $quoted"
    fi
}

# What of the unit decides on what a command sees, in words that every systemd from 241 on knows.
in_sandbox() {
    set -- -- "$@"
    # From the last line up, since each is put before those that are there: the order of a filter's lines is its meaning.
    sed '1!G;h;$!d' "$new_unit" >"$work/unit-upwards"
    while IFS= read -r line; do
        case $line in
            NoNewPrivileges=* | ProtectSystem=* | ProtectHome=* | PrivateDevices=* | ProtectKernel[TM]*=* | RestrictAddressFamilies=* | \
                SystemCallFilter=* | SystemCallErrorNumber=* | MemoryDenyWriteExecute=* | CapabilityBoundingSet=*)
                set -- -p "$line" "$@"
                ;;
        esac
    done <"$work/unit-upwards"
    systemd-run --quiet --pipe --wait --collect -p "User=$service" -p "Group=$service" -p "SupplementaryGroups=$groups" "$@" </dev/null
}

# A command that only root can run gives the service another id, or none: then root's answer is stored.
settle_instance_id() {
    doing="comparing the instance id of root with that of $service"
    if is_dry; then
        say "would compare: the instance id of root with that of $service; where they differ, root's serial is stored"
        return
    fi
    mkdir -p "$work/judge"
    (umask 077 && cat "$next_config" >"$work/judge/config.json")
    lay_fragments_beside "$work/judge/config.json"
    chown "root:$service" "$work" "$work/judge" "$work/judge/config.json"
    chmod 0750 "$work" "$work/judge"
    chmod 0640 "$work/judge/config.json"
    for file in "$fragments"/*.json; do
        # shellcheck disable=SC2016 # the words of the shell within
        [ ! -f "$file" ] || as_service sh -c '[ -r "$1" ]' sh "$file" ||
            die 78 "the user $service cannot read $file: chgrp $service $file; chmod g+r $file. Nothing that runs was touched"
    done
    its_id=$(as_service "$runner" instance-id "$work/judge/config.json" 2>/dev/null) || its_id=
    if [ "$its_id" != "$instance_id" ]; then
        own_serial=$("$runner" instance-id --serial "$next_config" </dev/null)
        judged configure "$next_config" --set "agent.instance.serial=$own_serial"
        say "instance id: $instance_id; the service's user gets ${its_id:-none}, so agent.instance.serial is stored"
    else
        say "instance id: $instance_id"
    fi
    judge_as_service
}

# Where the predecessor's service has credentials for the standard chain.
old_credentials() {
    suffix=.conf
    if ! sets_aside; then
        suffix=.conf.predecessor
        # Given to the new service since --no-start.
        if grep -Eqs '^(Environment=.*AWS_|EnvironmentFile=)' "$drop_ins"/*.conf; then return 0; fi
    fi
    {
        if [ -d "$(home_of "${old_user:-root}")/.aws" ]; then printf '%s ' "$(home_of "${old_user:-root}")/.aws"; fi
        for file in "$takes_over" "$drop_ins"/*"$suffix"; do
            if [ -f "$file" ] && grep -Eq '^(Environment=.*AWS_|EnvironmentFile=)' "$file"; then printf '%s ' "$file"; fi
        done
    } | sed 's/ $//'
}

# home_of USER
home_of() {
    case $1 in
        '' | *[!A-Za-z0-9._-]*) ;;
        *) eval "printf '%s' ~$1" ;;
    esac
}

# What only the service's user stumbles over: a key or a log that is root's alone. A service that delivers is not stopped for it.
judge_as_service() {
    cp "$next_config" "$work/judge/config.json"
    as_service "$runner" check "$work/judge/config.json" >"$work/said" 2>&1 || true
    # Its password is put in its place later.
    [ -n "$password" ] || warn_of_sign_in
    reads_all_logs || warn_of_logs
}

warn_of_sign_in() {
    grep -q 'would start and not sign in' "$work/said" || return 0
    grep -B 1 'would start and not sign in' "$work/said" | head -n 1 >&2
    if [ "$was_active" = yes ] && [ -n "$takes_over" ]; then
        die 78 "the new service could not sign in as the user $service, so the old one runs on; let the group $service read that file" \
            "(chgrp $service FILE; chmod g+r FILE) and run this again"
    fi
    warn "let the group $service read that file: chgrp $service FILE; chmod g+r FILE"
}

# What is collected and the service could not read. What the predecessor reads is not given up in silence.
warn_of_logs() {
    # shellcheck disable=SC2016 # backquotes of the program's
    sed -n 's/^warning: cannot read `\(.*\)`: .*/\1/p' "$work/said" | grep -v "^$home/logs" >"$work/unread" || return 0
    lost=
    while IFS= read -r file; do
        warn "the user $service cannot read $file"
        if [ -n "$takes_over" ] && old_one_reads "$file"; then lost="$lost $file"; fi
    done <"$work/unread"
    way="$way_to_logs; $manual has more"
    if [ -n "$lost" ] && [ "$was_active" = yes ] && [ -z "$no_start" ]; then
        die 78 "the Python publisher can read$lost and the new service could not, so the old one runs on: $way. What need not be" \
            "collected can be taken out of the configuration"
    fi
    warn "$way"
}

# The standard chain looks into the home and the environment of whoever runs, and the new service is another's. The program
# cannot find that out by itself: its chain begins elsewhere.
refuse_lost_credentials() {
    if [ -z "$takes_over" ] || is_dry || grep -qs '"authentication"' "$next_config" "$fragments"/*.json; then return 0; fi
    places=$(old_credentials)
    [ -n "$places" ] || return 0
    lost="the configuration has no agent.authentication, so the Python publisher signed in with what is in $places; the new service's \
user does not see that"
    if [ "$was_active" = yes ] && [ -z "$no_start" ]; then
        die 78 "$lost. The old one runs on: sign in with Cognito (--user-pool-id and so on), or give it credentials of its own as" \
            "$manual says and run this with --no-start"
    fi
    warn "$lost; $manual says how to give it credentials of its own"
}

# --- putting it in place ---------------------------------------------------------------------------------------------------

# What root writes and runs lies in root's folders before anything is put there. The predecessor gave them all to its user and
# closed them to everybody else; where this run comes to nothing it has them again.
make_folders() {
    doing="making the folders"
    is_dry || note_folders
    act mkdir -p "$home"
    # Each folder is root's before what lies in it is looked at: whose it is could lay a link behind the look.
    act chown root:root "$home"
    refuse_links "$home/bin" "$home/etc" "$home/logs"
    act chmod 0755 "$home"
    act mkdir -p "$home/bin" "$home/etc"
    act chown root:root "$home/bin"
    act chmod 0755 "$home/bin"
    # What runs there reads on, by its group, until it is replaced.
    act chown root "$home/etc"
    act chmod g=rx,o-w "$home/etc"
    refuse_links "$secret"
    follow_config
}

note_folders() {
    owns_work=yes
    # The outermost last: once it is another's again, its folders may be anything.
    for folder in "$home/logs" "$home/etc" "$home/bin" "$home"; do
        if [ -d "$folder" ] && [ ! -L "$folder" ]; then
            folder_rights="$folder_rights$(rights_of "$folder")
"
        fi
    done
}

# A link that another user laid could lead root anywhere; one of root's is meant.
refuse_links() {
    for place in "$@"; do
        if [ -L "$place" ] && [ -z "$(find "$place" -prune -user 0)" ]; then
            die 78 "$place is a link that another user than root made; put what it leads to in its place. Nothing that runs was touched"
        fi
    done
}

# A link of root's as the configuration stays: what it leads to is changed.
follow_config() {
    links=0
    while [ -L "$config" ]; do
        refuse_links "$config"
        links=$((links + 1))
        [ "$links" -le 40 ] || die 78 "$config is a link that leads to itself; put the configuration in its place"
        leads_to=$(readlink "$config")
        case $leads_to in
            /*) config=$leads_to ;;
            *) config=${config%/*}/$leads_to ;;
        esac
    done
    if [ "$links" -gt 0 ]; then refuse_shared_folders; fi
}

# Who writes in a folder above the configuration could exchange it, or what root writes beside it.
refuse_shared_folders() {
    folder=$(cd "${config%/*}/" 2>/dev/null && pwd -P) || die 78 "$config is where a link of the configuration leads, and its folder is not there"
    place=$folder/${config##*/}
    while [ -n "$folder" ]; do
        if [ -z "$(find "$folder" -prune -user 0 ! -perm -020 ! -perm -002)" ]; then
            die 78 "the configuration is a link to $place, and others than root write in $folder; put the configuration itself in its" \
                "place. Nothing that runs was touched"
        fi
        folder=${folder%/*}
    done
    config=$place
    next_config=${config%/*}/.amazon-cloudwatch-publisher.json.new
}

# An earlier run has given everything to the new service, and what runs still is the predecessor, whose alone it all was.
note_old_owner() {
    old_owner=$(id -u "${old_user:-root}"):$(id -g "${old_user:-root}")
    folder_rights=
    for folder in "$home/logs" "$home/etc" "$home/bin" "$home"; do
        folder_rights="${folder_rights}700 $old_owner $folder
"
    done
}

give_folders_back() {
    while read -r mode owner path; do
        if [ ! -d "$path" ] || [ -L "$path" ]; then continue; fi
        chown -h "$owner" "$path"
        chmod "$mode" "$path"
    done <<FOLDERS
$folder_rights
FOLDERS
    folder_rights=
}

# give_folder USER FOLDER: with the plain files in it, unless it is his already: whose folder it is could lay a link there for
# root to follow. So it is root's until the last file is given.
give_folder() {
    act mkdir -p "$2"
    if [ -z "$(find "$2" -prune -user "$1" 2>/dev/null)" ]; then
        act chown root:root "$2"
        act find "$2" -maxdepth 1 -type f -links 1 -exec chown -h "$1:$service" {} +
        act chown "$1:$service" "$2"
    fi
}

set_rights() {
    act chown "root:$service" "$home/etc"
    act chmod 0750 "$home/etc"
    # The predecessor's logs go on.
    give_folder "$service" "$home/logs"
    act chmod 0750 "$home/logs"
    if ! has_systemd; then
        give_folder "$service" "$state"
        act chmod 0700 "$state"
    fi
    if has restorecon; then act restorecon -R "$home"; fi
}

store_password() {
    [ -n "$password" ] || return 0
    if hands_over_password; then rights=0600 owner=root:root; else rights=0640 owner=root:$service; fi
    if [ -f "$secret" ] && [ "$(cat "$secret")" = "$password" ]; then
        act chown "$owner" "$secret"
        act chmod "$rights" "$secret"
    else
        printf '%s\n' "$password" | put "$secret" "$rights" "$owner"
        must_restart=yes
    fi
}

# write_drop_in NAME TEXT: only where it says something new.
write_drop_in() {
    if [ -f "$drop_ins/$1" ] && [ "$(cat "$drop_ins/$1")" = "$2" ]; then return; fi
    act mkdir -p "$drop_ins"
    printf '%s\n' "$2" | put "$drop_ins/$1" 0644 root:root
    must_restart=yes
}

write_drop_ins() {
    groups=$(log_groups)
    if [ -n "$groups" ]; then
        write_drop_in 50-groups.conf "[Service]
SupplementaryGroups=$groups"
    elif [ -f "$drop_ins/50-groups.conf" ]; then
        act rm -f "$drop_ins/50-groups.conf"
    fi
    if { [ -n "$password" ] || [ -f "$secret" ]; } && hands_over_password; then
        write_drop_in 50-password.conf "[Service]
LoadCredential=cognito-password:$secret"
    elif [ -f "$drop_ins/50-password.conf" ]; then
        act rm -f "$drop_ins/50-password.conf"
    fi
    if [ -n "$read_all_logs" ]; then
        write_drop_in 60-read-all-logs.conf "[Service]
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
AmbientCapabilities=CAP_DAC_READ_SEARCH"
    fi
}

# Looks at what runs under the unit's name before this run.
look_at_service() {
    was_active=
    takes_over=
    is_held_back=
    old_uid=
    has_systemd || return 0
    found=$(present_unit)
    if systemctl is-active --quiet "$unit"; then was_active=yes; fi
    [ -n "$found" ] || return 0
    if ! is_ours "$found"; then
        takes_over=$found
    elif [ -n "$was_active" ] && [ -f "$pending" ] && [ -f "$predecessor_unit" ] && ! runs_ours; then
        takes_over=$predecessor_unit
    elif [ -z "$was_active" ] && [ ! -f "$pending" ] && ! systemctl is-enabled --quiet "$unit"; then
        no_start=yes
        is_held_back=yes
        say "found: the service, stopped and disabled; it stays so"
    fi
    if [ -n "$takes_over" ]; then
        note_old_user
        say "found: the Python publisher, as $takes_over${old_user:+, running as $old_user}; its configuration is kept"
    fi
}

refuse_package() {
    [ ! -L "$unit_file" ] ||
        die 64 "$unit_file is a link: somebody masked or linked the service; \`systemctl unmask $unit\` or remove the link first"
    case $(present_unit) in
        /lib/* | /usr/lib/*) ;;
        *) return 0 ;;
    esac
    is_ours "$(present_unit)" || return 0
    [ ! -f "$unit_file" ] || return 0
    die 64 "cloudwatch-publisher was installed by a package; upgrade, change or remove it with apt or dnf"
}

# What of the predecessor's is in the way. Renamed, not lost: a drop-in's name has to end in .conf to count.
set_predecessor_aside() {
    sets_aside || return 0
    for file in "$drop_ins"/*.conf; do
        [ -f "$file" ] || continue
        act mv -f "$file" "$file.predecessor"
        say "its drop-in $file is out of force, as $file.predecessor"
    done
    act cp -p "$takes_over" "$predecessor_unit"
}

install_unit() {
    if is_same "$new_unit" "$unit_file" && ! sets_aside; then return; fi
    put "$unit_file" 0644 root:root <"$new_unit"
    must_restart=yes
}

install_program() {
    if is_same "$next_program" "$program"; then
        act rm -f "$next_program"
    else
        if [ -f "$program" ] && ! is_dry; then cp -p "$program" "$work/program"; fi
        act mv -f "$next_program" "$program"
        must_restart=yes
    fi
    if [ "$(readlink "$link" 2>/dev/null)" = "$program" ]; then return; fi
    if [ -e "$link" ]; then
        warn "$link is somebody's own and stays; the program is $program"
    else
        act mkdir -p "${link%/*}"
        act ln -sfn "$program" "$link"
    fi
}

install_config() {
    if is_dry; then return; fi
    if [ -f "$config" ]; then
        cp -p "$config" "$work/config"
        if ! is_same "$next_config" "$config"; then
            if [ -n "$given_config" ]; then cp -p "$config" "$config.previous" && chmod 0600 "$config.previous"; fi
            must_reload=yes
        fi
    fi
    if is_same "$next_config" "$config"; then
        rm -f "$next_config"
        chown "root:$service" "$config"
        chmod 0640 "$config"
    else
        chown "root:$service" "$next_config"
        chmod 0640 "$next_config"
        mv -f "$next_config" "$config"
    fi
}

# Back to what ran before. Only where something was there: a first installation stays, to be mended.
roll_back() {
    switching=
    if [ ! -f "$work/unit" ]; then
        user_is_new=
        folder_rights=
        return
    fi
    printf 'going back to what ran before\n' >&2
    cp -p "$work/unit" "$unit_file"
    if [ -n "$takes_over" ]; then
        bring_predecessor_back
    else
        bring_drop_ins_back
        if [ -f "$work/program" ]; then mv -f "$work/program" "$program"; fi
    fi
    if [ -f "$work/password" ]; then mv -f "$work/password" "$secret"; fi
    if [ -f "$work/config" ]; then mv -f "$work/config" "$config"; fi
    if [ -n "$old_owner" ]; then chown -h "$old_owner" "$config"; fi
    # What was to be started before this run is so still.
    if [ -n "$takes_over" ] || [ -z "$was_pending" ]; then rm -f "$pending"; fi
    give_folders_back
    systemctl daemon-reload
    if [ "$was_active" = yes ]; then systemctl restart "$unit"; fi
}

bring_predecessor_back() {
    case $takes_over in
        "$unit_file" | "$predecessor_unit") ;;
        *) rm -f "$unit_file" ;;
    esac
    for name in $own_drop_ins; do rm -f "$drop_ins/$name"; done
    rm -f "$predecessor_unit" "$program"
    if [ "$(readlink "$link")" = "$program" ]; then rm -f "$link"; fi
    for file in "$drop_ins"/*.conf.predecessor; do
        if [ -f "$file" ]; then mv -f "$file" "${file%.predecessor}"; fi
    done
    rmdir "$drop_ins" 2>/dev/null
    chown -h root "$home/logs"
    while read -r owner path; do
        # A name may have a line break in it.
        case $path in
            "$home/logs/"*) find "$path" -prune -type f -links 1 -exec chown -h "${old_owner:-$owner}" {} + ;;
        esac
    done <"$work/rights"
}

bring_drop_ins_back() {
    for name in $own_drop_ins; do
        if [ -f "$work/drop-ins/$name" ]; then
            mkdir -p "$drop_ins"
            mv -f "$work/drop-ins/$name" "$drop_ins/$name"
        else
            rm -f "$drop_ins/$name"
        fi
    done
    rmdir "$drop_ins" 2>/dev/null
}

keep_for_a_way_back() {
    cp -p "${takes_over:-$(present_unit)}" "$work/unit"
    mkdir "$work/drop-ins"
    for name in $own_drop_ins; do
        if [ -f "$drop_ins/$name" ]; then cp -p "$drop_ins/$name" "$work/drop-ins/$name"; fi
    done
    if [ -f "$secret" ]; then cp -p "$secret" "$work/password"; fi
    if [ -d "$home/logs" ]; then find "$home/logs" -maxdepth 1 -type f -links 1 -exec stat -c '%u:%g %n' {} +; fi >"$work/rights"
    if [ "$takes_over" = "$predecessor_unit" ]; then note_old_owner; fi
}

# Everything is there and judged: now, and only now, what runs is touched.
switch() {
    doing="putting everything in its place"
    if has_systemd && ! is_dry && [ -n "$(present_unit)" ]; then keep_for_a_way_back; fi
    if [ -f "$pending" ]; then
        was_pending=yes
        must_restart=yes
    fi
    if ! is_dry; then
        switching=yes
        # Nothing older runs where nothing runs.
        [ -n "$is_held_back" ] || : >"$pending"
    fi
    # Before the configuration: where there is one, a later run does not ask for it again.
    store_password
    install_config
    set_rights
    install_program
    if has_systemd; then
        set_predecessor_aside
        install_unit
        write_drop_ins
        act systemctl daemon-reload
        if [ -z "$no_start" ]; then start; fi
    fi
    if [ -z "$no_start" ] || [ -z "$must_restart" ]; then is_dry || rm -f "$pending"; fi
    folder_rights=
    switching=
    user_is_new=
}

start() {
    doing="starting the service"
    act systemctl enable --quiet "$unit"
    if [ "$was_active" != yes ] || [ -n "$must_restart" ]; then
        if is_dry; then
            say "would run: systemctl restart $unit"
        elif ! systemctl restart "$unit"; then
            has journalctl && journalctl --no-pager --quiet -o cat -u "$unit" -n 10 >&2
            die 70 "the service did not start; the lines above say why. \`$program check\` may say more"
        fi
    elif [ -n "$must_reload" ]; then
        is_dry || systemctl reload "$unit" || act systemctl restart "$unit"
    fi
}

# --- the last word ---------------------------------------------------------------------------------------------------------

conclude() {
    if [ -n "$takes_over" ]; then
        say "the Python publisher is replaced; its files in $home stay as they are${old_user:+, and so does its user $old_user}"
        say "the way back: docs/installation.md, with $predecessor_unit"
    fi
    if ! has_systemd; then
        say "installed; there is no systemd here to start it. Let the machine's service manager run:"
        say "  STATE_DIRECTORY=$state $program run    (as the user $service)"
        return
    fi
    if [ -n "$no_start" ]; then
        if [ "$was_active" = yes ]; then
            say "installed, and what ran before runs on until: systemctl enable $unit; systemctl restart $unit"
        else
            say "installed and not started: systemctl enable --now $unit"
        fi
        return
    fi
    if is_dry; then
        say "would wait: up to $wait_seconds s for the first delivery"
        return
    fi
    doing="waiting for the first delivery"
    say "waiting for the first delivery, up to $wait_seconds s"
    if "$program" status --wait "$wait_seconds" "$config" </dev/null; then
        say "done: $instance_id delivers. \`cloudwatch-publisher status\` says so at any time"
        return
    fi
    die 69 "installed and running, but not delivering yet: the reason stands above. The service goes on trying; what to do about each" \
        "message stands in docs/operations.md, and \`journalctl -u ${unit%.service}\` shows them all"
}

install() {
    look_at_service
    refuse_package
    read_password
    make_folders
    is_dry || { rm -rf "$work" && mkdir -m 0700 "$work"; } || die 70 "$work cannot be made; is the disk full or read-only?"
    find_sources
    if [ ! -f "$config" ] && [ -z "$given_config" ] && ! is_hidden; then gather; fi
    stage_program
    stage_config
    make_user
    settle_instance_id
    refuse_lost_credentials
    switch
    conclude
}

# --- removing --------------------------------------------------------------------------------------------------------------

uninstall() {
    refuse_package
    doing="removing the service"
    if has_systemd; then
        found=$(present_unit)
        if [ -n "$found" ] && ! is_ours "$found"; then
            die 64 "$found belongs to the Python publisher, which this script did not install; remove it with its own installer"
        fi
        if [ -n "$found" ]; then act systemctl disable --now --quiet "$unit"; fi
        act rm -f "$unit_file" "$drop_ins/50-groups.conf" "$drop_ins/50-password.conf" "$drop_ins/60-read-all-logs.conf"
        if [ -d "$drop_ins" ]; then is_dry || rmdir "$drop_ins" 2>/dev/null || say "kept: your own drop-ins in $drop_ins"; fi
        act systemctl daemon-reload
        if ! is_dry; then systemctl reset-failed "$unit" 2>/dev/null || true; fi
    fi
    doing="removing the program"
    if [ "$(readlink "$link" 2>/dev/null)" = "$program" ]; then act rm -f "$link"; fi
    act rm -rf "$program" "$next_program" "$next_config" "${next_config%.*}.d" "$work" "$pending"
    if [ -n "$purge" ]; then purge; else say "kept: $home/etc, $home/logs, $state and the user $service; --uninstall --purge removes them"; fi
    if ! is_dry; then rmdir "$home/bin" "$home/etc" "$home/logs" "$home" "${home%/*}" 2>/dev/null || true; fi
    if [ -n "$purge" ] && [ -d "$home" ] && ! is_dry; then
        say "left, since this script did not put it there:"
        find "$home" ! -type d
    fi
    is_dry || say "removed"
}

purge() {
    doing="removing configuration and state"
    act rm -rf "$config" "$config.previous" "$secret" "$secret.new" "$predecessor_unit" "$home/state" "$state"
    for file in "$home/logs/amazon-cloudwatch-publisher.log"*; do
        if [ -f "$file" ]; then act rm -f "$file"; fi
    done
    doing="removing the user $service"
    remove_user
}

# --- the command line ------------------------------------------------------------------------------------------------------

from_environment() {
    region=${CLOUDWATCH_PUBLISHER_REGION:-}
    account_id=${CLOUDWATCH_PUBLISHER_ACCOUNT_ID:-}
    user_pool_id=${CLOUDWATCH_PUBLISHER_USER_POOL_ID:-}
    identity_pool_id=${CLOUDWATCH_PUBLISHER_IDENTITY_POOL_ID:-}
    app_client_id=${CLOUDWATCH_PUBLISHER_APP_CLIENT_ID:-}
    # One of that name may be in the environment, and would stay there with another value.
    unset password
    password=${CLOUDWATCH_PUBLISHER_PASSWORD:-}
    password_file=${CLOUDWATCH_PUBLISHER_PASSWORD_FILE:-}
    given_config=${CLOUDWATCH_PUBLISHER_CONFIG:-}
    template=${CLOUDWATCH_PUBLISHER_TEMPLATE:-}
    prefix=${CLOUDWATCH_PUBLISHER_PREFIX:-}
    serial=${CLOUDWATCH_PUBLISHER_SERIAL:-}
    binary=${CLOUDWATCH_PUBLISHER_BINARY:-}
    url=${CLOUDWATCH_PUBLISHER_URL:-}
    sha256=${CLOUDWATCH_PUBLISHER_SHA256:-}
    wait_seconds=${CLOUDWATCH_PUBLISHER_WAIT:-60}
    # No program that is run from here on inherits it.
    unset CLOUDWATCH_PUBLISHER_PASSWORD
    changes=
    read_all_logs=
    unattended=
    no_start=
    dry_run=
    uninstall=
    purge=
    must_restart=
    must_reload=
    old_user=
    old_owner=
    owns_work=
}

wrong_usage() { die 64 "$1; see --help"; }

read_arguments() {
    while [ $# -gt 0 ]; do
        option=$1
        shift
        case $option in
            -h | --help) help && exit 0 ;;
            --read-all-logs) read_all_logs=yes && continue ;;
            --unattended) unattended=yes && continue ;;
            --no-start) no_start=yes && continue ;;
            --dry-run) dry_run=yes && continue ;;
            --uninstall) uninstall=yes && continue ;;
            --purge) purge=yes && continue ;;
            --password | --password=*) wrong_usage "a password is no argument, everybody could read it: use --password-file or CLOUDWATCH_PUBLISHER_PASSWORD" ;;
            --*=*) value=${option#*=} && option=${option%%=*} ;;
            --*) [ $# -gt 0 ] || wrong_usage "$option is unknown or lacks its value" && value=$1 && shift ;;
            *) wrong_usage "\`$option\` is unknown" ;;
        esac
        case $option in
            --region) region=$value ;;
            --account-id) account_id=$value ;;
            --user-pool-id) user_pool_id=$value ;;
            --identity-pool-id) identity_pool_id=$value ;;
            --app-client-id) app_client_id=$value ;;
            --password-file) password_file=$value ;;
            --config) given_config=$value ;;
            --template) template=$value ;;
            --prefix) prefix=$value ;;
            --serial) serial=$value ;;
            --binary) binary=$value ;;
            --url) url=$value ;;
            --sha256) sha256=$value ;;
            --wait) wait_seconds=$value ;;
            --set)
                case $value in
                    *'
'*) wrong_usage "--set takes one line, and not \`$value\`" ;;
                esac
                changes="$changes
$option=$value"
                ;;
            # A line break in JSON is no more than a space.
            --set-json)
                changes="$changes
$option=$(printf '%s' "$value" | tr '\n' ' ')"
                ;;
            *) wrong_usage "$option is unknown" ;;
        esac
    done
    [ -z "$purge" ] || [ -n "$uninstall" ] || wrong_usage "--purge goes with --uninstall"
    case $wait_seconds in
        '' | *[!0-9]*) wrong_usage "--wait takes seconds, not \`$wait_seconds\`" ;;
    esac
}

# One at a time. The lock goes with the process, so a run that was killed leaves none. Its file stays: who waited for one that is
# gone would hold another than who comes then.
take_lock() {
    has flock || return 0
    place=/run
    [ -d $place ] || place=/var/run
    old_umask=$(umask)
    umask 077
    exec 9>>$place/cloudwatch-publisher-install.lock
    umask "$old_umask"
    flock -n 9 || die 75 "another run of this script is under way; wait for it"
}

main() {
    from_environment
    trap finish EXIT
    trap interrupted HUP INT TERM
    read_arguments "$@"
    [ "$(uname -s)" = Linux ] || die 64 "this is for Linux; install-macos.sh is for macOS"
    if ! is_dry; then
        [ "$(id -u)" = 0 ] || die 77 "this needs root: run it with sudo, or see what it would do with --dry-run"
        take_lock
    fi
    if [ -n "$uninstall" ]; then uninstall; else install; fi
}

main "$@"
