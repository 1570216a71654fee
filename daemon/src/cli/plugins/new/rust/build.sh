#!/usr/bin/env bash
# Builds @name@.wasm, and runs the fixtures through it. DAYBOOK names the program if it isn't in the PATH.
set -euo pipefail
cd "$(dirname "$0")"
daybook=${DAYBOOK:-daybook}
target=wasm32-unknown-unknown

if [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    cargo build --release --target "$target"
elif [ -d "$(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/std" ] && command -v wasm-ld >/dev/null; then
    # Debian's toolchain has no standard library for the target, and builds one.
    PATH=/usr/bin:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld \
        /usr/bin/cargo build --release --target "$target" -Zbuild-std=std,panic_abort -Zbuild-std-features=default
else
    printf 'There is no toolchain for %s.\n' "$target" >&2
    printf 'Install it with `rustup target add %s`, or on Debian with `apt install rustc-web cargo-web rust-web-src lld`.\n' "$target" >&2
    exit 1
fi
"$daybook" plugin pack "${CARGO_TARGET_DIR:-target}/$target/release/@crate@.wasm" --to @name@.wasm
"$daybook" plugin test @name@.wasm
