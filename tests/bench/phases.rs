//! What a sync's time is made of: the same sync through the library, part by part.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use daybook::app::{Reading, workbook_sources};
use daybook::config;
use daybook::io::{OsEntropy, Program, RealDisk, SystemClock};
use daybook::pipeline::{Parts, Pipeline, Taken};
use daybook::source::workbook::{ChildReader, InProcessPatcher, Listing, list};
use daybook::store::{MasterKey, Options, Store};

use super::office::{DAYBOOK, Office};
use super::{Figure, Stage};

/// How often it is measured; the least time of each part is told.
const TIMES: usize = 3;
const PARTS: [&str; 5] = ["open", "ask what is known", "copy and read", "make and commit", "close"];

/// Tells the parts.
#[expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]
pub(crate) fn tell(stage: &mut Stage, figure: Figure) -> Result<()> {
    let mut least = [Duration::MAX; PARTS.len()];
    for _ in 0..TIMES {
        stage.prepare(figure)?;
        let times = measured(&stage.office, stage.expected(figure).0)?;
        least.iter_mut().zip(times).for_each(|(least, time)| *least = time.min(*least));
    }
    let parts: Vec<String> =
        PARTS.iter().zip(least).map(|(name, time)| format!("{name} {:.0} ms", time.as_secs_f64() * 1e3)).collect();
    println!("  made of: {}", parts.join(", "));
    Ok(())
}

fn measured(office: &Office, applied: u64) -> Result<[Duration; PARTS.len()]> {
    let mut times = [Duration::ZERO; PARTS.len()];
    let mut last = Instant::now();
    let mut note = |part: usize| {
        let now = Instant::now();
        times[part] = now.duration_since(last);
        last = now;
    };
    let mut pipeline = open(office)?;
    note(0);
    let Listing::Files(files) = list(&RealDisk, &workbook_sources(&mut pipeline)[0]) else {
        bail!("the office is gone")
    };
    let reading = Reading::prepare(&mut pipeline, 0, &files[0], false)?;
    note(1);
    let fetched = reading.read().map_err(|failure| anyhow!("{}", failure.problem.message))?;
    note(2);
    if let Some(fetched) = fetched {
        match pipeline.take(0, &files[0].name, &files[0].path, fetched, false)? {
            Taken::Done(report) if report.applied == applied => {}
            other => bail!("it did something else: {other:?}"),
        }
    }
    note(3);
    drop(reading);
    drop(pipeline);
    note(4);
    Ok(times)
}

fn open(office: &Office) -> Result<Pipeline> {
    let path = office.config();
    let config = config::load(&path, &fs::read_to_string(&path)?).map_err(|problems| anyhow!("{problems:?}"))?;
    let key = MasterKey::parse(&fs::read_to_string(office.key())?)?;
    let store = office.store();
    let store = if store.exists() {
        Store::open(&store, &key, Box::new(OsEntropy), Options::default())?
    } else {
        store.parent().map_or(Ok(()), fs::create_dir_all)?;
        Store::create(&store, &key, Box::new(OsEntropy), Options::default())?
    };
    let reader = ChildReader {
        program: Program::new(DAYBOOK, [""; 0]),
        memory_bytes_max: config.limits.child_memory_bytes_max,
        deadline: Duration::from_secs(config.limits.read_seconds_max.into()),
    };
    let parts = Parts {
        clock: Arc::new(SystemClock),
        entropy: Box::new(OsEntropy),
        disk: Arc::new(RealDisk),
        reader: Arc::new(reader),
        patcher: Arc::new(InProcessPatcher),
        plugins: Box::new(daybook::plugin::NoPlugins),
    };
    Ok(Pipeline::new(config, store, parts)?)
}
