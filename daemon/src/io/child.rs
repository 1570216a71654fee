//! Runs a part of Daybook in a process of its own, that can be killed and whose memory is limited.
//!
//! Foreign workbooks are read so: a hostile one can make a reader allocate without end or loop for ever, and nothing in
//! the same process could stop that. The child gets one file as its standard input and answers on its standard output.
//! It inherits no environment but what a program needs to start, so it knows no secret.
//!
//! However a run ends, the child and all that it started are gone and waited for: no zombie, no leftover.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How much of the end of the standard error is kept.
const STDERR_BYTES_MAX: usize = 4096;
/// The variable by which a child learns its limit.
const MEMORY_VARIABLE: &str = "DAYBOOK_MEMORY_BYTES_MAX";
/// What a program may need to start at all; nothing else is handed on.
const KEPT_VARIABLES: [&str; 3] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot"];
/// How long the watchdog sleeps between looks at a child that has closed its output, at most.
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(20);

/// Which program a child runs.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
}

impl Program {
    /// The running program itself: the same build, also after an upgrade has replaced its file.
    pub fn current() -> io::Result<Self> {
        Ok(Self { path: own_program()?, args: Vec::new() })
    }

    /// Another program, with arguments that stand before those of the [`ChildSpec`]. For tests and benchmarks.
    pub fn new(path: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { path: path.into(), args: args.into_iter().map(Into::into).collect() }
    }
}

/// What to run, and within which limits.
#[derive(Debug)]
pub struct ChildSpec {
    /// The arguments.
    pub args: Vec<OsString>,
    /// Becomes the child's standard input, read from its beginning.
    pub stdin: File,
    /// The most address space that the child may have.
    pub memory_bytes_max: u64,
    /// The child is killed when it runs longer.
    pub deadline: Duration,
}

/// Why a child gave no answer. The standard error is for the log: a child must not write cell contents there.
#[derive(Debug, thiserror::Error)]
pub enum ChildFailure {
    /// It ran longer than it might, and was killed.
    #[error("it was stopped after {} ms", .after.as_millis())]
    TimedOut {
        /// Its deadline.
        after: Duration,
    },
    /// It needed more memory than it might have, or the system had none left.
    #[error("it ran out of memory")]
    OutOfMemory {
        /// The end of its standard error.
        stderr: String,
    },
    /// It ended in another way than by finishing.
    #[error("it ended early ({status})")]
    Crashed {
        /// How it ended, as the system says it.
        status: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// It could not be started, or its answer could not be taken.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs a child and hands its standard output to `on_stdout`, whose value is the result if the child ends well.
///
/// An error of `on_stdout` stops the child. [`io::ErrorKind::UnexpectedEof`] is the exception: the output broke off, so
/// how the child ended is the cause, and is what is reported.
pub fn run_child<T>(
    program: &Program,
    spec: ChildSpec,
    on_stdout: &mut dyn FnMut(&mut dyn Read) -> io::Result<T>,
) -> Result<T, ChildFailure> {
    let deadline = spec.deadline;
    let mut command = prepare(program, spec)?;
    thread::scope(|scope| {
        // The threads stand before the child does: if one can't be had, there is no child to look after.
        let (to_watchdog, child) = mpsc::channel();
        let (say, verdict) = mpsc::channel();
        let (to_drain, stderr) = mpsc::channel();
        let watchdog = thread::Builder::new().name("child watchdog".to_owned());
        let watchdog = watchdog.spawn_scoped(scope, move || watch(&child, &verdict, deadline))?;
        let drain = thread::Builder::new().name("child stderr".to_owned());
        let drain = drain.spawn_scoped(scope, move || keep_end(&stderr))?;

        let memory_bytes_max = command.memory_bytes_max;
        let mut child = command.spawn()?;
        limit_memory_of(&child, memory_bytes_max);
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        // The receivers live until they are sent something or the sender is dropped.
        to_watchdog.send(child).map_err(|_| io::Error::other("the watchdog has died"))?;
        if let Some(stderr) = stderr {
            to_drain.send(stderr).map_err(|_| io::Error::other("the reader of the standard error has died"))?;
        }
        drop(to_drain);

        let result = match stdout {
            Some(mut stdout) => on_stdout(&mut stdout),
            None => Err(io::Error::other("the child has no standard output")),
        };
        let broke_off = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
        let verdict = if result.as_ref().err().is_none_or(broke_off) { Verdict::LetEnd } else { Verdict::Stop };
        if say.send(verdict).is_err() {
            tracing::debug!("a child's deadline passed before its output was taken");
        }
        let ended = watchdog.join().map_err(|_| io::Error::other("the watchdog has died"))??;
        let stderr = drain.join().unwrap_or_default();

        match result {
            _ if ended.timed_out => Err(ChildFailure::TimedOut { after: deadline }),
            Err(error) if !broke_off(&error) => Err(error.into()),
            Ok(value) if ended.status.success() => Ok(value),
            _ => Err(classify(ended.status, stderr)),
        }
    })
}

/// A command with the limit that its child gets.
struct Prepared {
    command: Command,
    memory_bytes_max: u64,
}

impl Prepared {
    fn spawn(&mut self) -> io::Result<Child> {
        self.command.spawn()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
fn prepare(program: &Program, spec: ChildSpec) -> io::Result<Prepared> {
    let ChildSpec { args, mut stdin, memory_bytes_max, deadline: _ } = spec;
    stdin.rewind()?;
    let mut command = Command::new(&program.path);
    command.args(&program.args).args(args);
    command.env_clear().env(MEMORY_VARIABLE, memory_bytes_max.to_string());
    for name in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    separate(&mut command);
    Ok(Prepared { command, memory_bytes_max })
}

/// What the watchdog is told when the output was taken.
enum Verdict {
    /// The child may end by itself, within its deadline.
    LetEnd,
    /// Nobody wants the rest.
    Stop,
}

/// How a child ended.
struct Ended {
    status: ExitStatus,
    timed_out: bool,
}

/// Owns the child: lets it end, or kills it; then waits for it.
fn watch(child: &Receiver<Child>, verdict: &Receiver<Verdict>, deadline: Duration) -> io::Result<Ended> {
    let Ok(mut child) = child.recv() else { return Err(io::Error::other("there is no child")) };
    let started = Instant::now();
    let timed_out = match verdict.recv_timeout(deadline) {
        Ok(Verdict::LetEnd) => {
            let mut pause = Duration::from_micros(250);
            loop {
                if let Some(status) = child.try_wait()? {
                    return Ok(Ended { status, timed_out: false });
                }
                let left = deadline.saturating_sub(started.elapsed());
                if left.is_zero() {
                    break true;
                }
                thread::sleep(pause.min(left));
                pause = (pause * 2).min(LOOK_AGAIN_MAX);
            }
        }
        Err(RecvTimeoutError::Timeout) => true,
        // The sender is gone if `on_stdout` panicked.
        Ok(Verdict::Stop) | Err(RecvTimeoutError::Disconnected) => false,
    };
    kill(&mut child);
    Ok(Ended { status: child.wait()?, timed_out })
}

/// Reads a child's standard error to its end, and keeps the last bytes: they say of what it died.
fn keep_end(stderr: &Receiver<ChildStderr>) -> String {
    let Ok(mut stderr) = stderr.recv() else { return String::new() };
    let mut end = VecDeque::with_capacity(2 * STDERR_BYTES_MAX);
    let mut chunk = [0; STDERR_BYTES_MAX];
    loop {
        match stderr.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                end.extend(&chunk[..count]);
                end.drain(..end.len().saturating_sub(STDERR_BYTES_MAX));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(end.make_contiguous()).into_owned()
}

fn classify(status: ExitStatus, stderr: String) -> ChildFailure {
    if is_out_of_memory(status, &stderr) {
        ChildFailure::OutOfMemory { stderr }
    } else {
        ChildFailure::Crashed { status: status.to_string(), stderr }
    }
}

/// Rust aborts with these words when an allocation fails; the kernel kills when the machine has no memory left.
#[cfg(unix)]
fn is_out_of_memory(status: ExitStatus, stderr: &str) -> bool {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal();
    signal == Some(Signal::KILL.as_raw())
        || (signal == Some(Signal::ABORT.as_raw()) && stderr.contains("memory allocation of"))
}

#[cfg(not(unix))]
fn is_out_of_memory(_status: ExitStatus, stderr: &str) -> bool {
    stderr.contains("memory allocation of")
}

/// The path by which this program can be started again.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "other platforms can fail")]
fn own_program() -> io::Result<PathBuf> {
    // The name may lead to a newer build by now, whose child speaks another protocol. This link never does.
    Ok(PathBuf::from("/proc/self/exe"))
}

#[cfg(not(target_os = "linux"))]
fn own_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Gives the child a process group of its own: an interrupt from the terminal goes to the daemon alone, and what the
/// child starts is killed with it.
#[cfg(unix)]
fn separate(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn separate(_command: &mut Command) {}

/// Kills the child and its group. The child was not waited for yet, so its number can't mean another process.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Err(error) =
        rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL)
    {
        tracing::debug!(%error, "a child's process group could not be killed");
    }
    if let Err(error) = child.kill() {
        tracing::warn!(%error, process = child.id(), "a child could not be killed");
    }
}

/// Limits a child from outside, in case it doesn't limit itself.
#[cfg(target_os = "linux")]
fn limit_memory_of(child: &Child, bytes: u64) {
    use rustix::process::{Pid, Resource, prlimit};
    if let Err(error) = prlimit(Some(Pid::from_child(child)), Resource::As, both(bytes)) {
        tracing::debug!(%error, "a child's memory could not be limited from outside");
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_memory_of(_child: &Child, _bytes: u64) {}

/// Limits the running process's address space for good. An allocation beyond it aborts the process.
#[cfg(unix)]
pub fn limit_memory(bytes: u64) -> io::Result<()> {
    Ok(rustix::process::setrlimit(rustix::process::Resource::As, both(bytes))?)
}

/// Limits the running process's address space, where the platform can.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "other platforms can fail")]
pub fn limit_memory(_bytes: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn both(limit: u64) -> rustix::process::Rlimit {
    rustix::process::Rlimit { current: Some(limit), maximum: Some(limit) }
}

/// Takes from the running process what a reader of foreign files doesn't need. A child calls it before all else.
///
/// It limits the memory to what the parent said, leaves no core file (it would hold customers' data), writes no files,
/// gives way to other work, and dies with its parent. Only the memory limit can fail; the rest is done where it can be.
pub fn confine_this_process() -> io::Result<()> {
    if let Some(bytes) = std::env::var_os(MEMORY_VARIABLE).and_then(|text| text.to_str()?.parse().ok()) {
        limit_memory(bytes)?;
    }
    give_up_the_rest();
    Ok(())
}

#[cfg(unix)]
fn give_up_the_rest() {
    use rustix::process::{Resource, nice, setrlimit};
    let note = |what: &str, result: rustix::io::Result<()>| {
        if let Err(error) = result {
            tracing::debug!(%error, what, "a child keeps a right that it doesn't need");
        }
    };
    note("core files", setrlimit(Resource::Core, both(0)));
    note("files", setrlimit(Resource::Fsize, both(0)));
    note("priority", nice(10).map(drop));
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        note("outliving its parent", set_parent_process_death_signal(Some(Signal::KILL)));
    }
}

#[cfg(not(unix))]
fn give_up_the_rest() {}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::Path;

    const MEMORY: u64 = 1 << 30;
    /// Longer than any of these children needs; a test that waits for it has failed.
    const LONG: Duration = Duration::from_mins(5);

    fn shell(script: &str, deadline: Duration) -> (Program, ChildSpec) {
        let mut stdin = tempfile::tempfile().unwrap();
        stdin.write_all(b"input").unwrap();
        let spec = ChildSpec { args: vec![script.into()], stdin, memory_bytes_max: MEMORY, deadline };
        (Program::new("/bin/sh", ["-c"]), spec)
    }

    fn read_all(script: &str) -> Result<String, ChildFailure> {
        let (program, spec) = shell(script, LONG);
        run_child(&program, spec, &mut |stdout| {
            let mut text = String::new();
            stdout.read_to_string(&mut text)?;
            Ok(text)
        })
    }

    fn is_gone(process: &str) -> bool {
        !Path::new("/proc").join(process.trim()).exists()
    }

    #[test]
    fn a_child_reads_its_input_from_the_beginning_and_answers() {
        assert_eq!(read_all("cat; echo ' and more'").unwrap(), "input and more\n");
    }

    #[test]
    fn a_child_knows_its_limit_and_no_secrets() {
        // `sh` adds what it likes to the environment of what it starts; `/proc` shows what it was given.
        let text = read_all("tr '\\0' '\\n' < /proc/$$/environ").unwrap();
        for line in text.lines() {
            let (name, value) = line.split_once('=').unwrap();
            assert!(name == MEMORY_VARIABLE || KEPT_VARIABLES.contains(&name), "{name} was handed on");
            assert!(name != MEMORY_VARIABLE || value == MEMORY.to_string());
        }
        assert!(text.contains(MEMORY_VARIABLE));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_that_does_not_limit_itself_is_limited() {
        let text = read_all("while [ \"$(ulimit -v)\" = unlimited ]; do :; done; ulimit -v").unwrap();
        assert_eq!(text.trim(), (MEMORY / 1024).to_string());
    }

    #[test]
    fn a_child_that_runs_too_long_is_killed_with_all_it_started() {
        for script in ["echo $$; exec sleep 600", "echo $$; sleep 600 & sleep 600; true"] {
            let (program, spec) = shell(script, Duration::from_millis(300));
            let mut process = String::new();
            let result = run_child(&program, spec, &mut |stdout| stdout.read_to_string(&mut process));
            assert!(matches!(result, Err(ChildFailure::TimedOut { .. })), "{result:?}");
            assert!(is_gone(&process));
        }
    }

    #[test]
    fn a_child_that_closes_its_output_and_goes_on_is_killed_too() {
        let (program, spec) = shell("echo $$; exec >&- sleep 600", Duration::from_millis(300));
        let mut process = String::new();
        let result = run_child(&program, spec, &mut |stdout| stdout.read_to_string(&mut process));
        assert!(matches!(result, Err(ChildFailure::TimedOut { .. })), "{result:?}");
        assert!(is_gone(&process));
    }

    #[test]
    fn how_a_child_ends_is_told_apart() {
        let allocation = "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$";
        assert!(matches!(read_all(allocation), Err(ChildFailure::OutOfMemory { .. })));
        assert!(matches!(read_all("kill -KILL $$"), Err(ChildFailure::OutOfMemory { .. })));
        assert!(matches!(read_all("kill -ABRT $$"), Err(ChildFailure::Crashed { .. })));
        assert!(matches!(read_all("kill -SEGV $$"), Err(ChildFailure::Crashed { .. })));
        let Err(ChildFailure::Crashed { status, stderr }) = read_all("echo why >&2; exit 3") else {
            panic!("no crash")
        };
        assert_eq!((status.as_str(), stderr.as_str()), ("exit status: 3", "why\n"));
        let (_, spec) = shell("", LONG);
        let nothing = run_child(&Program::new("/none/daybook", [""; 0]), spec, &mut |_| Ok(()));
        assert!(matches!(nothing, Err(ChildFailure::Io(_))));
    }

    #[test]
    fn only_the_end_of_a_long_standard_error_is_kept() {
        let script = "i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1";
        let Err(ChildFailure::Crashed { stderr, .. }) = read_all(script) else { panic!("no crash") };
        assert_eq!(stderr.len(), STDERR_BYTES_MAX);
        assert!(stderr.ends_with("line 1999\n"));
    }

    #[test]
    fn an_error_of_the_taker_stops_the_child_and_is_the_result() {
        let (program, spec) = shell("echo $$; exec sleep 600", LONG);
        let mut process = String::new();
        let result = run_child::<()>(&program, spec, &mut |stdout| {
            let mut line = [0; 32];
            let count = stdout.read(&mut line)?;
            process = String::from_utf8_lossy(&line[..count]).into_owned();
            Err(io::ErrorKind::InvalidData.into())
        });
        assert!(matches!(result, Err(ChildFailure::Io(error)) if error.kind() == io::ErrorKind::InvalidData));
        assert!(is_gone(&process));
    }

    #[test]
    fn when_the_output_breaks_off_the_childs_end_is_the_cause() {
        let (program, spec) = shell("kill -SEGV $$", LONG);
        let result = run_child(&program, spec, &mut |stdout| {
            let mut frame = [0; 8];
            stdout.read_exact(&mut frame)
        });
        assert!(matches!(result, Err(ChildFailure::Crashed { .. })), "{result:?}");
    }

    #[test]
    fn a_taker_that_panics_leaves_no_child() {
        let (program, spec) = shell("echo $$; exec sleep 600", LONG);
        let mut process = String::new();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run_child::<()>(&program, spec, &mut |stdout| {
                let mut line = [0; 32];
                let count = stdout.read(&mut line)?;
                process = String::from_utf8_lossy(&line[..count]).into_owned();
                panic!("on purpose")
            })
        }));
        assert!(result.is_err());
        assert!(is_gone(&process));
    }

    /// Runs this test program again, as the daemon runs itself: the part below confines itself and allocates.
    #[test]
    fn a_child_that_allocates_without_end_runs_out_of_memory() {
        let args = ["--exact", "io::child::tests::allocates_without_end", "--ignored", "--nocapture"];
        let stdin = tempfile::tempfile().unwrap();
        let spec = ChildSpec { args: args.map(OsString::from).into(), stdin, memory_bytes_max: MEMORY, deadline: LONG };
        let result = run_child(&Program::current().unwrap(), spec, &mut |stdout| {
            let mut text = String::new();
            stdout.read_to_string(&mut text)
        });
        assert!(matches!(result, Err(ChildFailure::OutOfMemory { .. })), "{result:?}");
    }

    #[test]
    #[ignore = "the body of the test above; it must end by an abort"]
    fn allocates_without_end() {
        if std::env::var_os(MEMORY_VARIABLE).is_some() {
            confine_this_process().unwrap();
            let bytes = vec![1_u8; usize::try_from(4 * MEMORY).unwrap()];
            assert!(bytes.iter().all(|byte| *byte == 1));
        }
    }
}
