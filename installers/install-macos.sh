#!/bin/sh
# Installs, upgrades and removes cloudwatch-publisher on macOS. docs/installation-macos.md has the long form of everything here.
# What is not macOS's own stands in install-linux.sh in the same words; a test compares them.
#
# POSIX sh. It may be run again at any time, also after it was killed: what is done already is left as it is. The service
# that runs, of the Python publisher too, is stopped only when everything for the new one is there and has been judged.
# The rule that is easy to break: a password is never an argument of a program, is never exported, and never goes through sed.
set -eu
umask 022
# `su` without a dash leaves a user's PATH to root.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

service=_cloudwatch-publisher
label=com.amazonaws.amazon-cloudwatch-publisher
home=/opt/aws/amazon-cloudwatch-publisher
program=$home/bin/cloudwatch-publisher
config=$home/etc/amazon-cloudwatch-publisher.json
manual=docs/installation-macos.md
way_to_logs="give --read-all-logs, or let a group of $service read it (chgrp $service FILE; chmod g+r FILE) where no rotation \
replaces it"
secret=$home/etc/cognito-password
link=/usr/local/bin/cloudwatch-publisher
state=$home/state
plist_file=/Library/LaunchDaemons/$label.plist
rotation_file=/etc/newsyslog.d/$label.conf
predecessor_plist=$home/etc/$label.plist.predecessor
brew_plist=/Library/LaunchDaemons/homebrew.mxcl.cloudwatch-publisher.plist

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
Usage: install-macos.sh [OPTIONS]             install, upgrade or change
       install-macos.sh --uninstall [--purge]

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
  --template NAME            macos, iot-device or minimal [default: macos]
  --prefix TEXT              the first part of the instance id
  --serial TEXT              the second part
  --set PATH=TEXT            any value of the configuration; may be repeated
  --set-json PATH=JSON       the same for numbers, true, false, lists and objects
  --read-all-logs            runs as root: may read logs that are root's alone, and the unified log

Where the program comes from [default: beside this script, else the one that is installed]
  --binary FILE              the program
  --url URL                  an archive (.tar.gz) or the program itself, fetched with curl
  --sha256 HEX               its checksum [default: the first word at URL.sha256, over https only]

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
lock=
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
    if [ -n "$lock" ]; then rm -f "$lock"; fi
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

has_group() { dscl . -read "/Groups/$1" >/dev/null 2>&1; }

has_user() { dscl . -read "/Users/$1" >/dev/null 2>&1; }

# The file under the service's label: ours or the predecessor's.
present_plist() {
    if [ -f "$plist_file" ]; then printf '%s' "$plist_file"; fi
}

is_ours() { grep -q "<string>$program</string>" "$1"; }

# Whether the program that launchd has under the label is ours: after --no-start the plist is, and the old program runs on.
runs_ours() { launchctl print "system/$label" 2>/dev/null | grep -q "$program"; }

# What an administrator disabled is listed so, with one word or the other by the version of macOS.
is_disabled() { launchctl print-disabled system 2>/dev/null | grep -Eq "\"$label\" => (true|disabled)"; }

is_running() { launchctl print "system/$label" >/dev/null 2>&1; }

# Whose the daemon is: root's where that was asked for, now or by an earlier run.
daemon_user() {
    if [ -n "$read_all_logs" ]; then printf 'root'; else printf '%s' "$service"; fi
}

# rights_of FILE: its mode, its owner, its path.
rights_of() { stat -f '%Lp %u:%g %N' "$1"; }

# is_same FILE FILE
is_same() { cmp -s "$1" "$2" 2>/dev/null; }

# --- the program -----------------------------------------------------------------------------------------------------------

# machine_of FILE: the processors that a Mach-O file is built for.
machine_of() {
    case $(file -b "$1" 2>/dev/null) in
        *Mach-O*arm64*x86_64* | *Mach-O*x86_64*arm64*) printf 'arm64 and x86_64' ;;
        *Mach-O*arm64*) printf 'arm64' ;;
        *Mach-O*x86_64*) printf 'x86_64' ;;
        *Mach-O*) printf 'unknown' ;;
        *) printf 'none' ;;
    esac
}

# A shell under Rosetta is told that this is an Intel machine.
this_machine() {
    if [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" = 1 ]; then printf 'arm64'; else uname -m; fi
}

# Which programs run here.
runs_here() {
    case "$1 " in
        *"$(this_machine) "*) return 0 ;;
        'x86_64 ') arch -x86_64 /usr/bin/true 2>/dev/null && say "the program is for Intel: it runs under Rosetta" ;;
        *) return 1 ;;
    esac
}

# Looks at the program before anything is touched.
check_machine() {
    machine=$(machine_of "$1")
    case $machine in
        none) die 65 "$1 is no macOS program; take the archive for macOS" ;;
        unknown) die 65 "$1 is built for a processor that is not known here; this machine is $(this_machine)" ;;
    esac
    runs_here "$machine" || die 65 "$1 is built for $machine, and this machine is $(this_machine); take the archive for $(this_machine)"
}

# fetch URL FILE
fetch() {
    case $1 in
        https://*) set -- "$@" --proto '=https' --proto-redir '=https' ;;
    esac
    from=$1 to=$2
    shift 2
    curl -fsSL --retry 3 --connect-timeout 20 "$@" -o "$to" "$from"
}

sum_of() { shasum -a 256 <"$1" | cut -d ' ' -f 1; }

download() {
    doing="fetching $url"
    if is_dry; then
        say "would fetch: $url, and check its sha256"
        return
    fi
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
    find_plist
}

find_plist() {
    new_plist=
    for place in "$here/service" "$here"; do
        if [ -n "$here" ] && [ -f "$place/$label.plist" ]; then new_plist=$place/$label.plist; fi
    done
    if [ -z "$new_plist" ] && [ -d "$work/archive" ]; then
        new_plist=$(find "$work/archive" -type f -name "$label.plist" | head -n 1)
    fi
    if [ -z "$new_plist" ] && [ -f "$plist_file" ] && is_ours "$plist_file"; then new_plist=$plist_file; fi
    [ -n "$new_plist" ] || { is_dry && [ -n "$url" ]; } ||
        die 66 "$label.plist is not beside this script: keep the folder \`service\` of the archive with it"
}

# What a browser downloaded is quarantined, and Apple's processors run nothing that is not signed, if only by this machine.
sign_program() {
    xattr -d com.apple.quarantine "$next_program" 2>/dev/null || true
    if ! codesign --verify "$next_program" 2>/dev/null; then
        codesign --force --sign - "$next_program" 2>/dev/null || warn "the program is not signed, and codesign does not sign it"
    fi
}

# Puts the program beside its place, where it can be run, and runs it.
stage_program() {
    doing="looking at the program"
    if is_dry; then
        say "would write: $program (0755, root:wheel), after it was run there once"
        runner=$binary
        if [ -n "$runner" ] && ! "$runner" --version >/dev/null 2>&1; then runner=; fi
        return
    fi
    cp "$binary" "$next_program" || die 70 "$next_program cannot be written; is the disk full or read-only?"
    chown root:wheel "$next_program"
    chmod 0755 "$next_program"
    sign_program
    if version=$("$next_program" --version 2>"$work/complaint"); then
        say "program: $version, for $machine"
    else
        die 65 "$binary does not run on this machine (exit code $?): $(tail -n 1 "$work/complaint"); it needs another build, or a" \
            "newer macOS than $(sw_vers -productVersion)"
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

default_template() { printf 'macos'; }

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
    if [ -n "$password" ]; then set -- "$@" --set "agent.authentication.password_file=$secret"; fi
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

# A number below those of people, free for a user and a group.
free_number() {
    taken=$(dscl . -list /Users UniqueID && dscl . -list /Groups PrimaryGroupID) || die 70 "dscl does not say which numbers users have"
    number=350
    while printf '%s\n' "$taken" | grep -q "[[:space:]]$number\$"; do
        number=$((number + 1))
        [ "$number" -lt 500 ] || die 70 "no number below 500 is free for the user $service"
    done
}

# number_of PATH KEY: nothing where there is none.
number_of() { dscl . -read "$1" "$2" 2>/dev/null | sed -n "s/^$2: *\([0-9][0-9]*\)\$/\1/p"; }

make_user() {
    doing="making the user $service"
    number=$(number_of "/Groups/$service" PrimaryGroupID)
    # What is made last says that all is made.
    if [ -n "$number" ] && [ -n "$(number_of "/Users/$service" PrimaryGroupID)" ]; then return; fi
    is_dry || user_is_new=yes
    # A run that was killed may have given one already.
    [ -n "$number" ] || number=$(number_of "/Users/$service" UniqueID)
    [ -n "$number" ] || free_number
    act dscl . -create "/Groups/$service"
    act dscl . -create "/Groups/$service" Password '*'
    act dscl . -create "/Groups/$service" PrimaryGroupID "$number"
    act dscl . -create "/Users/$service"
    act dscl . -create "/Users/$service" UniqueID "$number"
    act dscl . -create "/Users/$service" RealName "Amazon CloudWatch Publisher"
    act dscl . -create "/Users/$service" UserShell /usr/bin/false
    act dscl . -create "/Users/$service" NFSHomeDirectory /var/empty
    act dscl . -create "/Users/$service" Password '*'
    act dscl . -create "/Users/$service" IsHidden 1
    act dscl . -create "/Users/$service" PrimaryGroupID "$number"
}

# The group too, where it did not go with the user.
remove_user() {
    if has_user "$service"; then act dscl . -delete "/Users/$service"; fi
    if has_group "$service"; then act dscl . -delete "/Groups/$service"; fi
}

reads_all_logs() { [ "$(daemon_user)" = root ]; }

# old_one_reads FILE: whether the user of the predecessor's service may read it.
old_one_reads() {
    # shellcheck disable=SC2016 # the words of the shell within
    set -- sh -c '[ -r "$1" ] && { [ ! -d "$1" ] || [ -x "$1" ]; }' sh "$1"
    if [ "${old_user:-root}" = root ]; then return 0; fi
    sudo -n -u "$old_user" "$@" </dev/null 2>/dev/null
}

# as_service COMMAND…: with the rights that the service will have.
as_service() {
    if [ "$(daemon_user)" = root ]; then "$@"; else sudo -n -u "$service" "$@"; fi </dev/null
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
    if [ "$(daemon_user)" = "${old_user:-root}" ]; then return 0; fi
    if [ -d "$(home_of "${old_user:-root}")/.aws" ]; then printf '%s' "$(home_of "${old_user:-root}")/.aws"; fi
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
    act chown root:wheel "$home"
    refuse_links "$home/bin" "$home/etc" "$home/logs"
    act chmod 0755 "$home"
    act mkdir -p "$home/bin" "$home/etc"
    act chown root:wheel "$home/bin"
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
        act chown root:wheel "$2"
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
    give_folder "$(daemon_user)" "$state"
    act chmod 0700 "$state"
}

store_password() {
    [ -n "$password" ] || return 0
    rights=0640 owner=root:$service
    if [ -f "$secret" ] && [ "$(cat "$secret")" = "$password" ]; then
        act chown "$owner" "$secret"
        act chmod "$rights" "$secret"
    else
        printf '%s\n' "$password" | put "$secret" "$rights" "$owner"
        must_restart=yes
    fi
}

# Looks at what runs under the service's label before this run.
look_at_service() {
    was_active=
    takes_over=
    is_held_back=
    found=$(present_plist)
    if is_running; then was_active=yes; fi
    [ -n "$found" ] || return 0
    if ! is_ours "$found"; then
        takes_over=$found
    elif [ -n "$was_active" ] && [ -f "$pending" ] && [ -f "$predecessor_plist" ] && ! runs_ours; then
        takes_over=$predecessor_plist
    elif [ -z "$was_active" ] && [ ! -f "$pending" ] && is_disabled; then
        no_start=yes
        is_held_back=yes
        say "found: the service, stopped and disabled; it stays so"
    fi
    if [ -n "$takes_over" ]; then
        # Key and value stand on one line or on two.
        old_user=$(tr -d '\n' <"$takes_over" | sed -n 's|.*<key>UserName</key>[[:space:]]*<string>\([^<]*\)</string>.*|\1|p')
        say "found: the Python publisher, as $takes_over${old_user:+, running as $old_user}; its configuration is kept"
    fi
    if is_ours "$found" && ! grep -q '<key>UserName</key>' "$found"; then read_all_logs=yes; fi
}

refuse_package() {
    [ -f "$brew_plist" ] || return 0
    die 64 "cloudwatch-publisher was installed by Homebrew; upgrade, change or remove it with brew"
}

# What of the predecessor's is in the way.
set_predecessor_aside() {
    # An earlier run that started nothing did it.
    if [ -z "$takes_over" ] || [ "$takes_over" = "$predecessor_plist" ]; then return; fi
    act cp -p "$takes_over" "$predecessor_plist"
}

install_plist() {
    is_dry || wanted_plist >"$work/plist"
    if ! is_same "$work/plist" "$plist_file"; then
        wanted_plist | put "$plist_file" 0644 root:wheel
        must_restart=yes
    fi
    rotation=${new_plist%/*}/newsyslog.conf
    if [ -f "$rotation" ] && ! is_same "$rotation" "$rotation_file"; then
        act mkdir -p "${rotation_file%/*}"
        put "$rotation_file" 0644 root:wheel <"$rotation"
    fi
}

# The plist, without its user where the daemon is root's.
wanted_plist() {
    if [ "$(daemon_user)" = root ]; then sed '/<key>UserName<\/key>/,/<\/string>/d' "$new_plist"; else cat "$new_plist"; fi
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
    cp -p "$work/unit" "$plist_file"
    if [ -n "$takes_over" ]; then
        bring_predecessor_back
    else
        # It may have become root's by this run.
        if grep -q '<key>UserName</key>' "$plist_file"; then
            read_all_logs=
            give_folder "$service" "$state"
        fi
        if [ -f "$work/program" ]; then mv -f "$work/program" "$program"; fi
    fi
    if [ -f "$work/password" ]; then mv -f "$work/password" "$secret"; fi
    if [ -f "$work/config" ]; then mv -f "$work/config" "$config"; fi
    if [ -n "$old_owner" ]; then chown -h "$old_owner" "$config"; fi
    # What was to be started before this run is so still.
    if [ -n "$takes_over" ] || [ -z "$was_pending" ]; then rm -f "$pending"; fi
    give_folders_back
    if [ "$was_active" = yes ]; then restart; fi
}

bring_predecessor_back() {
    rm -f "$predecessor_plist" "$rotation_file" "$program"
    if [ "$(readlink "$link")" = "$program" ]; then rm -f "$link"; fi
    chown -h root "$home/logs"
    while read -r owner path; do
        # A name may have a line break in it.
        case $path in
            "$home/logs/"*) find "$path" -prune -type f -links 1 -exec chown -h "${old_owner:-$owner}" {} + ;;
        esac
    done <"$work/rights"
}

keep_for_a_way_back() {
    cp -p "${takes_over:-$(present_plist)}" "$work/unit"
    if [ -f "$secret" ]; then cp -p "$secret" "$work/password"; fi
    if [ -d "$home/logs" ]; then find "$home/logs" -maxdepth 1 -type f -links 1 -exec stat -f '%u:%g %N' {} +; fi >"$work/rights"
    if [ "$takes_over" = "$predecessor_plist" ]; then note_old_owner; fi
}

# Everything is there and judged: now, and only now, what runs is touched.
switch() {
    doing="putting everything in its place"
    if ! is_dry && [ -n "$(present_plist)" ]; then keep_for_a_way_back; fi
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
    set_predecessor_aside
    install_plist
    if [ -z "$no_start" ]; then start; fi
    if [ -z "$no_start" ] || [ -z "$must_restart" ]; then is_dry || rm -f "$pending"; fi
    folder_rights=
    switching=
    user_is_new=
}

# launchd answers before the service has ended, and until then it takes nothing under the same label: ours may take 30 seconds.
end_service() {
    launchctl bootout "system/$label" 2>/dev/null || true
    tries=40
    while is_running; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 1
    done
}

restart() {
    end_service || return
    launchctl enable "system/$label" || return
    tries=10
    while ! launchctl bootstrap system "$plist_file" 2>"$work/complaint"; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ]; then
            cat "$work/complaint" >&2
            return 1
        fi
        sleep 1
    done
    launchctl kickstart "system/$label"
}

# launchd answers before the program has begun: it runs where its process has been the same one for some seconds. One that died
# is not begun again before 15 seconds are over.
stays_alive() {
    process=
    seconds=0
    for _ in 1 2 3 4 5 6 7 8; do
        sleep 1
        now=$(launchctl print "system/$label" 2>/dev/null | sed -n 's/^[[:space:]]*pid = \([0-9][0-9]*\)$/\1/p' | head -n 1)
        if [ -n "$now" ] && [ "$now" = "$process" ]; then seconds=$((seconds + 1)); else seconds=0; fi
        [ "$seconds" -lt 3 ] || return 0
        process=$now
    done
    return 1
}

start() {
    doing="starting the service"
    if [ "$was_active" != yes ] || [ -n "$must_restart" ]; then
        if is_dry; then
            say "would run: launchctl bootout, enable, bootstrap and kickstart of system/$label"
        elif ! restart || ! stays_alive; then
            if [ -f "$home/logs/standard-error.log" ]; then tail -n 10 "$home/logs/standard-error.log" >&2; fi
            die 70 "the service did not start; the lines above say why. \`$program check\` may say more"
        fi
    elif [ -n "$must_reload" ]; then
        is_dry || "$program" reload "$config" </dev/null || { restart && stays_alive; } || die 70 "the service did not start again"
    fi
}

# --- the last word ---------------------------------------------------------------------------------------------------------

conclude() {
    if [ -n "$takes_over" ]; then
        say "the Python publisher is replaced; its files in $home stay as they are${old_user:+, and so does its user $old_user}"
        say "the way back: docs/installation-macos.md, with $predecessor_plist"
    fi
    if [ -n "$no_start" ]; then
        if [ "$was_active" = yes ]; then
            say "installed, and what ran before runs on until this is run again without --no-start"
        else
            say "installed and not started: launchctl enable system/$label; launchctl bootstrap system $plist_file"
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
        "message stands in docs/operations.md, and they all stand in $home/logs"
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
    found=$(present_plist)
    if [ -n "$found" ] && ! is_ours "$found"; then
        die 64 "$found belongs to the Python publisher, which this script did not install; remove it with its own installer"
    fi
    if is_dry; then
        say "would run: launchctl bootout system/$label"
    else
        end_service || die 70 "the service did not end within 40 seconds; run this again"
    fi
    act rm -f "$plist_file" "$rotation_file"
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
    act rm -rf "$config" "$config.previous" "$secret" "$secret.new" "$predecessor_plist" "$home/state" "$state"
    for file in "$home/logs/amazon-cloudwatch-publisher.log"* "$home/logs/standard-error.log"*; do
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

# One at a time. A name is given to one file only, which says whose it is from the beginning; that of a run that was killed is
# known by its process, and moved away, which again only one can.
take_lock() {
    place=/var/run/cloudwatch-publisher-install.lock
    printf '%s\n' $$ >"$place.$$"
    lock=$place.$$
    tries=100
    until ln "$place.$$" $place 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || die 70 "$place cannot be made"
        other=$(cat $place 2>/dev/null) || continue
        if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
            die 75 "another run of this script is under way, process $other; wait for it"
        fi
        mv $place "$place.$$.stale" 2>/dev/null || continue
        # Another was faster, and this is his.
        if [ "$(cat "$place.$$.stale")" != "$other" ]; then ln "$place.$$.stale" $place 2>/dev/null || true; fi
        rm -f "$place.$$.stale"
    done
    rm -f "$place.$$"
    lock=$place
}

main() {
    from_environment
    trap finish EXIT
    trap interrupted HUP INT TERM
    read_arguments "$@"
    [ "$(uname -s)" = Darwin ] || die 64 "this is for macOS; install-linux.sh is for Linux"
    if ! is_dry; then
        [ "$(id -u)" = 0 ] || die 77 "this needs root: run it with sudo, or see what it would do with --dry-run"
        take_lock
    fi
    if [ -n "$uninstall" ]; then uninstall; else install; fi
}

main "$@"
