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
