# The commands of this project. `just` without a name lists them; `cargo install just` or `pip install rust-just` brings it.

set shell := ["bash", "-euo", "pipefail", "-c"]

_list:
    @just --list --unsorted

# everything that a commit must pass on this machine
check: lint doc test

# formatting and lints
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# the reference of every module, private ones too; a broken link is an error
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# all tests, or those whose name holds WORD
test *WORD:
    cargo test {{ WORD }}

# properties with CASES cases each, others every time; a failing one is written to proptest-regressions
search CASES="20000":
    PROPTEST_CASES={{ CASES }} cargo test --lib --test host --test tailing

# a million lines through the release build: cost, memory, size
bench:
    cargo bench --bench million

# this machine's metrics and logs on a page, without an AWS account
local *CONFIG:
    cargo run --release -- local {{ CONFIG }}

# licences, banned crates and origins of all dependencies
deny:
    cargo deny check bans licenses sources

# known holes in dependencies: asks the network, answers differently by the day
advisories:
    cargo deny check advisories

# what the build server runs, on this machine
ci:
    .ci/run

# the program for a small device, without what an administrator needs: target/device/release; names no folder of this machine
device:
    RUSTFLAGS="--remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
        CFLAGS="-ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=cargo" \
        cargo build --release --locked --no-default-features --target-dir target/device

# manual pages and completions into FOLDER
manual FOLDER="target/manual" *OPTIONS:
    SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" \
        cargo run --quiet --locked --example manual {{ OPTIONS }} -- "{{ FOLDER }}"

# the .deb for this machine
deb: device (manual "target/device/manual" "--no-default-features")
    installers/package/build --program target/device/release/cloudwatch-publisher --manual target/device/manual --into target/packages deb

# the .rpm for this machine
rpm: device (manual "target/device/manual" "--no-default-features")
    installers/package/build --program target/device/release/cloudwatch-publisher --manual target/device/manual --into target/packages rpm

# both packages around a PROGRAM that is built already, for another machine: aarch64-unknown-linux-gnu, say
packages PROGRAM TARGET: (manual "target/device/manual" "--no-default-features")
    installers/package/build --program "{{ PROGRAM }}" --target "{{ TARGET }}" --manual target/device/manual --into target/packages

# the agent for a machine of another kind, on Debian 12 and with its packages alone; OPTIONS are cargo's, as `--release`
cross TARGET="aarch64-unknown-linux-gnu" *OPTIONS="--no-default-features":
    .ci/cross build {{ TARGET }} {{ OPTIONS }}

# the same, and the tests that run it under emulation
cross-test TARGET="aarch64-unknown-linux-gnu" *OPTIONS="--no-default-features":
    .ci/cross build {{ TARGET }} {{ OPTIONS }}
    CROSS_TARGET={{ TARGET }} cargo test --test cross

# the types of what is macOS's own, without a Mac
check-macos TARGET="aarch64-apple-darwin":
    .ci/cross check {{ TARGET }}

# the archive of a release, on a machine with rustup and cargo-zigbuild: on a Mac those for Macs; `--no-default-features` for devices
release TARGET *OPTIONS:
    #!/usr/bin/env bash
    set -euo pipefail
    rustup target add {{ TARGET }}
    # Raspberry Pi OS 10 and Debian 10 have this glibc.
    case {{ TARGET }} in
        *-linux-gnu*) cargo zigbuild --release --locked --target {{ TARGET }}.2.28 {{ OPTIONS }} ;;
        *-linux-*) cargo zigbuild --release --locked --target {{ TARGET }} {{ OPTIONS }} ;;
        *) cargo build --release --locked --target {{ TARGET }} {{ OPTIONS }} ;;
    esac
    target=${CARGO_TARGET_DIR:-target}
    .ci/archive {{ TARGET }} "$target/{{ TARGET }}/release/cloudwatch-publisher" "$target/dist"
