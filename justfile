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
