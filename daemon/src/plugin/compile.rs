//! Components to machine code: in a child with limits, because a small component can take much time and memory to compile.
//!
//! In goes a component, out comes what wasmtime loads. The daemon never compiles in its own process. What the child gives back is trusted
//! as far as the child is: it is Daybook itself, it runs nothing of the component, and what a component could make of a fault in the
//! compiler it could make in the same process as well.

use std::fs::File;
use std::io::{self, Read, Write};

use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::{
    ARTEFACT_BYTES_MAX, AT_ONCE_MAX, CompileLimits, INSTANCES_MAX, MEMORIES_MAX, PLACE_ELEMENTS_MAX, PLUGIN_BYTES_MAX,
    RESIDENT_BYTES_MAX, TABLES_MAX, WASM_STACK_BYTES_MAX,
};
use crate::io::{ChildFailure, ChildSpec, Program, Snapshot, run_child};

/// The hidden command that the child runs.
pub const COMMAND: &str = "compile-plugin";
/// Its argument for code that counts fuel.
pub const FUEL_ARGUMENT: &str = "--fuel";

/// The engine of the child that compiles: it makes no instances.
fn compiling(metered: bool) -> wasmtime::Result<Engine> {
    Engine::new(&config(metered))
}

/// The engine that runs plugins. Instances live in places that are set up once and put back to their first state after each use.
///
/// That an instance finds nothing of the one before it is wasmtime's promise. It costs about half of what mapping memory anew for each does.
pub(super) fn running(metered: bool) -> wasmtime::Result<Engine> {
    let count = |each: usize| u32::try_from(each * AT_ONCE_MAX).unwrap_or(u32::MAX);
    let mut places = PoolingAllocationConfig::new();
    places
        .total_component_instances(count(1))
        .total_core_instances(count(INSTANCES_MAX))
        .total_memories(count(MEMORIES_MAX))
        .total_tables(count(TABLES_MAX))
        .max_memories_per_module(u32::try_from(MEMORIES_MAX).unwrap_or(u32::MAX))
        .max_tables_per_module(u32::try_from(TABLES_MAX).unwrap_or(u32::MAX))
        .table_elements(PLACE_ELEMENTS_MAX)
        .linear_memory_keep_resident(RESIDENT_BYTES_MAX)
        .table_keep_resident(RESIDENT_BYTES_MAX)
        .pagemap_scan(Enabled::Auto);
    let mut config = config(metered);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(places));
    Engine::new(&config)
}

/// What is the same in the child that compiles and the daemon that runs.
///
/// Everything that could make two runs differ is off or fixed: threads, relaxed SIMD, the bits of NaN. Fuel is counted in addition
/// to the deadline where IT wants to know what a row costs: it is repeatable and slow. Maps of addresses and, where the system can do without, tables for
/// unwinding are left out: nothing looks into a plugin's code, and what is not there need not be authenticated and loaded.
fn config(metered: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .consume_fuel(metered)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .generate_address_map(false)
        .native_unwind_info(cfg!(windows))
        .max_wasm_stack(WASM_STACK_BYTES_MAX);
    config
}

/// Serves the daemon as the child that compiles: a component on standard input, machine code on standard output.
pub fn serve(component: File) -> io::Result<()> {
    serve_with(component, false)
}

/// The same for code that counts fuel.
pub fn serve_metered(component: File) -> io::Result<()> {
    serve_with(component, true)
}

fn serve_with(component: File, metered: bool) -> io::Result<()> {
    let mut bytes = Vec::new();
    component.take(PLUGIN_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PLUGIN_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let compiled = compiling(metered).and_then(|engine| engine.precompile_component(&bytes));
    let mut out = io::stdout().lock();
    // One byte says which of the two follows.
    match compiled {
        Ok(artefact) => {
            out.write_all(&[1])?;
            out.write_all(&artefact)?;
        }
        Err(error) => {
            out.write_all(&[0])?;
            out.write_all(format!("{error:#}").as_bytes())?;
        }
    }
    out.flush()
}

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompileError {
    /// It is no valid component.
    #[error("it is no valid component: {0}")]
    Invalid(String),
    /// The child gave no answer.
    #[error("compiling it failed: {0}")]
    Child(#[from] ChildFailure),
}

/// Compiles in a child.
pub(super) fn compile(
    program: &Program,
    component: Snapshot,
    limits: CompileLimits,
    metered: bool,
) -> Result<Vec<u8>, CompileError> {
    let mut args = vec![COMMAND.into()];
    if metered {
        args.push(FUEL_ARGUMENT.into());
    }
    let CompileLimits { memory_bytes_max, time_max } = limits;
    let spec = ChildSpec { args, stdin: component.file, memory_bytes_max, deadline: time_max };
    let mut answer = run_child(program, spec, &mut |stdout| {
        let mut answer = Vec::new();
        stdout.take(ARTEFACT_BYTES_MAX + 1).read_to_end(&mut answer)?;
        match answer.len() as u64 {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            bytes if bytes > ARTEFACT_BYTES_MAX => Err(io::ErrorKind::FileTooLarge.into()),
            _ => Ok(answer),
        }
    })?;
    if answer.first() == Some(&1) {
        answer.remove(0);
        return Ok(answer);
    }
    let why = String::from_utf8_lossy(answer.get(1..).unwrap_or_default()).into_owned();
    Err(CompileError::Invalid(super::words::line(&why, super::limits::MESSAGE_CHARS_MAX)))
}

/// Loads machine code that our own child made just now, or that the cache has authenticated.
#[expect(
    unsafe_code,
    reason = "wasmtime trusts these bytes: only `Cache::component` calls this, with bytes that were made or checked"
)]
pub(super) fn load(engine: &Engine, artefact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `Engine::precompile_component` made: they come from our own child, or their tag under a key that only
    // Daybook has was checked, and they were not read again since. wasmtime itself refuses those of another version or configuration.
    unsafe { Component::deserialize(engine, artefact) }
}
