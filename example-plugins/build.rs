//! Builds the example plugins in `plugins/` and makes components of them, so that `cargo test` and the demo need no further step.
//!
//! They are built for `wasm32-unknown-unknown`, with which no plugin can want WASI, by the first of these that is there:
//!
//! 1. Ready components in the folder that `DAYBOOK_PLUGINS_PREBUILT` names.
//! 2. The toolchain that builds this, if it has the target.
//! 3. Debian's toolchain: `rustc-web cargo-web rust-web-src lld`. It has no standard library for the target, and builds one.
//! 4. rustup's, which fetches the target because `plugins/rust-toolchain.toml` names it, unless `RUSTUP_AUTO_INSTALL=0`.
//!
//! Without any of them this crate is built all the same, and says why the plugins aren't there. Tests fail then; Daybook
//! itself needs none of them. All cargo profiles share one folder for the build, `plugins-wasm` below the target folder.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script starts cargo and writes files; it is no part of Daybook"
)]

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The plugins: packages of the workspace `plugins/`.
const PLUGINS: [&str; 7] = ["cn-id", "cn-phone", "fuller-text", "office-rules", "segment", "status-words", "uscc"];
const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's toolchain, wherever the path leads.
const DEBIAN: &str = "/usr/bin";
/// The oldest minor version of Rust that builds the SDK.
const RUST_MINOR_MIN: u32 = 95;
/// What to do if there is nothing to build with.
const REMEDIES: &str = "Install the target (`rustup target add wasm32-unknown-unknown`), or Debian's toolchain for it \
                        (`apt install rustc-web cargo-web rust-web-src lld`), or name a folder of built plugins in DAYBOOK_PLUGINS_PREBUILT.";

fn main() -> Result<(), Box<dyn Error>> {
    let own = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = own.parent().ok_or("the package is a folder of the repository")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    watch(root)?;
    let list = match components(root, &out) {
        Ok(components) => {
            let mut list = "Ok(&[\n".to_owned();
            // Beside those in other languages, for whoever wants to install one.
            let folder = target_folder(&out).join("plugins");
            fs::create_dir_all(&folder)?;
            for (name, component) in components {
                let path = out.join(format!("{name}.wasm"));
                fs::write(&path, &component)?;
                fs::write(folder.join(format!("{name}.wasm")), component)?;
                writeln!(list, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())?;
            }
            list + "])"
        }
        Err(why) => {
            // Nothing there ever is up to date, so the script runs again when something may have been installed.
            println!("cargo::rerun-if-changed={}", out.join("missing").display());
            println!("cargo::warning=The example plugins were not built: {}", why.lines().next().unwrap_or_default());
            format!("Err({why:?})")
        }
    };
    fs::write(out.join("plugins.rs"), list)?;
    Ok(())
}

/// Names what the plugins are made of; not whole folders, as somebody may have built in them.
fn watch(root: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=DAYBOOK_PLUGINS_PREBUILT");
    println!("cargo::rerun-if-changed=build.rs");
    let mut parts: Vec<PathBuf> = [
        "Cargo.toml",
        "plugin-sdk/Cargo.toml",
        "plugin-sdk/src",
        "plugin-sdk/wit",
        "plugins/Cargo.toml",
        "plugins/Cargo.lock",
    ]
    .map(|part| root.join(part))
    .into();
    for entry in fs::read_dir(root.join("plugins"))? {
        let package = entry?.path();
        if package.join("Cargo.toml").is_file() {
            parts.extend([package.join("Cargo.toml"), package.join("src")]);
        }
    }
    for part in parts {
        println!("cargo::rerun-if-changed={}", part.display());
    }
    Ok(())
}

/// The target folder: `OUT_DIR` is `TARGET/PROFILE/build/PACKAGE/out`.
fn target_folder(out: &Path) -> &Path {
    out.ancestors().nth(4).unwrap_or(out)
}

fn components(root: &Path, out: &Path) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    if let Some(folder) = env::var_os("DAYBOOK_PLUGINS_PREBUILT") {
        let read = |name: &'static str| {
            let path = Path::new(&folder).join(format!("{name}.wasm"));
            println!("cargo::rerun-if-changed={}", path.display());
            fs::read(&path).map(|component| (name, component)).map_err(|error| {
                format!(
                    "`{}` can't be read ({error}), and DAYBOOK_PLUGINS_PREBUILT says that it is there.",
                    path.display()
                )
            })
        };
        return PLUGINS.into_iter().map(read).collect();
    }
    let target = target_folder(out).join("plugins-wasm");
    build(&mut toolchain()?, root, &target)?;
    let component = |name: &'static str| {
        let module = target.join(TARGET).join("release").join(name.replace('-', "_")).with_extension("wasm");
        let component = encode(&module).map_err(|error| format!("{}: {error}", module.display()))?;
        Ok((name, component))
    };
    PLUGINS.into_iter().map(component).collect()
}

/// A cargo that can build for the target.
fn toolchain() -> Result<Command, String> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from);
    if let (Some(rustc), Some(cargo)) = (variable("RUSTC"), variable("CARGO"))
        && has_target(&rustc)
    {
        let mut command = clean(&cargo);
        command.env("RUSTC", rustc);
        return Ok(command);
    }
    if has_debian() {
        let mut command = clean(&Path::new(DEBIAN).join("cargo"));
        // Debian's cargo is a release, which builds a standard library only if it is told to forget that.
        command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
        command.env("RUSTC", Path::new(DEBIAN).join("rustc"));
        command.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=default"]);
        return Ok(command);
    }
    let may_fetch = env::var_os("RUSTUP_TOOLCHAIN").is_some() && env::var("RUSTUP_AUTO_INSTALL").as_deref() != Ok("0");
    if may_fetch {
        Ok(clean(Path::new("cargo")))
    } else {
        Err(format!("there is no toolchain for {TARGET}. {REMEDIES}"))
    }
}

/// Whether a compiler has the target's standard library; it names the folder also if it isn't there.
fn has_target(rustc: &Path) -> bool {
    let printed = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = printed.ok().and_then(|printed| String::from_utf8(printed.stdout).ok()).unwrap_or_default();
    !folder.trim().is_empty() && Path::new(folder.trim()).is_dir()
}

fn has_debian() -> bool {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let rustc = format!("{DEBIAN}/rustc");
    let minor = said(&rustc, "--version")
        .and_then(|version| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()))
        .is_some_and(|minor| minor >= RUST_MINOR_MIN);
    let has_sources = said(&rustc, "--print=sysroot")
        .is_some_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std").is_dir());
    minor && has_sources && Path::new(DEBIAN).join("cargo").is_file() && said("wasm-ld", "--version").is_some()
}

/// A cargo to which nothing is handed down of what this build is for.
fn clean(cargo: &Path) -> Command {
    let mut command = Command::new(cargo);
    let of_this_build = |name: &str| {
        let prefixes = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CFG_",
            "CARGO_FEATURE_",
            "CARGO_PROFILE_",
            "CARGO_BUILD_",
            "CARGO_TARGET_",
            "RUSTC",
            "RUSTDOC",
            "RUSTFLAGS",
            "DEP_",
        ];
        let names = [
            "CARGO",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_INCREMENTAL",
            "CARGO_PRIMARY_PACKAGE",
            "DEBUG",
            "HOST",
            "NUM_JOBS",
            "OPT_LEVEL",
            "OUT_DIR",
            "PROFILE",
            "RUSTUP_TOOLCHAIN",
            "TARGET",
        ];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.contains(&name)
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(of_this_build) {
            command.env_remove(&name);
        }
    }
    command.args(["build", "--release", "--locked", "--target", TARGET]);
    command
}

fn build(cargo: &mut Command, root: &Path, target: &Path) -> Result<(), String> {
    for name in PLUGINS {
        cargo.args(["--package", name]);
    }
    cargo.arg("--target-dir").arg(target).current_dir(root.join("plugins")).stdin(Stdio::null());
    let output = cargo.output().map_err(|error| format!("{cargo:?} can't be started: {error}. {REMEDIES}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("the build in `plugins/` failed. If there is no toolchain for it: {REMEDIES}\n{cargo:?} said:\n{said}"))
}

/// Makes a component of a module; the contract lies in it, put there by the SDK's macros.
fn encode(module: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let module = fs::read(module)?;
    Ok(wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode()?)
}
