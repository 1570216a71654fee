//! The office: its configuration, its disk, its Daybook, and the hand that cuts the power.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use daybook::app;
use daybook::config::{self, Config};
use daybook::io::SeededEntropy;
use daybook::pipeline::{Parts, Pipeline, PipelineError, Report};
use daybook::source::workbook::{InProcessPatcher, InProcessReader, SheetPatcher};
use daybook::store::{FaultPoint, MasterKey, Store};

use super::disk::{Moment, PowerCut, SimClock, SimDisk};

/// Where the office's files lie.
pub(super) const FOLDER: &str = "/office";

/// Where the power is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// At the first such moment of a replacement.
    Disk(Moment),
    /// At such a point of the commit after so many others.
    Commit(FaultPoint, u32),
}

/// How something that Daybook was asked for ended.
#[derive(Debug)]
pub(super) enum Ended<T> {
    /// It was acknowledged.
    Done(T),
    /// It was refused; nothing was done.
    Refused(String),
    /// The power was cut, and Daybook has been started again.
    Killed,
}

/// What differs from seed to seed in the configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) missing_rows: &'static str,
    pub(super) guarded: bool,
    pub(super) clock_step_ms: i64,
    /// Which rows the two-way workbook has.
    pub(super) rows: &'static str,
    /// What becomes of records whose row is gone from it.
    pub(super) gone: &'static str,
}

impl Default for Setting {
    fn default() -> Self {
        Self { missing_rows: "archive", guarded: false, clock_step_ms: 1, rows: "existing", gone: "keep" }
    }
}

/// An office with its Daybook.
pub(super) struct Office {
    pub(super) disk: Arc<SimDisk>,
    pub(super) clock: Arc<SimClock>,
    config: Config,
    seed: u64,
    starts: u64,
    pipeline: Option<Pipeline>,
    patcher: Arc<dyn SheetPatcher>,
    cut: Arc<Mutex<Option<(FaultPoint, u32)>>>,
}

impl Office {
    pub(super) fn new(seed: u64, setting: Setting) -> Self {
        let clock = Arc::new(SimClock::new(setting.clock_step_ms));
        let disk = Arc::new(SimDisk::new(clock.clone()));
        let text = configuration(setting);
        let config = config::load(&Path::new(FOLDER).join("daybook.toml"), &text).expect("the configuration is right");
        let key = MasterKey::generate(&mut SeededEntropy::new(seed));
        let mut store =
            Store::in_memory(&key, Box::new(SeededEntropy::new(seed ^ 0xD15C))).expect("a store can be made in memory");
        let cut = Arc::new(Mutex::new(None::<(FaultPoint, u32)>));
        let hook = cut.clone();
        store.set_fault_hook(Some(Box::new(move |point| {
            let mut cut = hook.lock().unwrap_or_else(PoisonError::into_inner);
            match cut.as_mut() {
                Some((at, 0)) if *at == point => {
                    *cut = None;
                    drop(cut);
                    // An error would be told and survived; a power cut is not.
                    resume_unwind(Box::new(PowerCut))
                }
                Some((at, left)) if *at == point => {
                    *left -= 1;
                    Ok(())
                }
                _ => Ok(()),
            }
        })));
        let mut office =
            Self { disk, clock, config, seed, starts: 0, pipeline: None, patcher: Arc::new(InProcessPatcher), cut };
        office.start(store);
        office
    }

    fn start(&mut self, store: Store) {
        self.starts += 1;
        let entropy = SeededEntropy::new(self.seed.wrapping_mul(0x1000_0001) ^ (self.starts << 20));
        let parts = Parts {
            clock: self.clock.clone(),
            entropy: Box::new(entropy),
            disk: self.disk.clone(),
            reader: Arc::new(InProcessReader),
            patcher: self.patcher.clone(),
            plugins: Box::new(daybook::plugin::NoPlugins),
        };
        let pipeline = Pipeline::new(self.config.clone(), store, parts).expect("the store fits the configuration");
        self.pipeline = Some(pipeline);
    }

    /// From now on another patcher writes into workbooks.
    pub(super) fn write_with(&mut self, patcher: Arc<dyn SheetPatcher>) {
        self.patcher = patcher;
        self.restart_now();
    }

    /// Daybook.
    pub(super) fn pipeline(&mut self) -> &mut Pipeline {
        self.pipeline.as_mut().expect("it runs")
    }

    /// The path of a source's file.
    pub(super) fn path(source: usize) -> PathBuf {
        Path::new(FOLDER).join("share").join(["sales.xlsx", "finance.xlsx", "service.xlsx"][source])
    }

    /// One pass over all sources, with or without a power cut.
    pub(super) fn pass(&mut self, cut: Option<Cut>) -> Ended<Report> {
        self.run(cut, |pipeline| app::sync(pipeline, false))
    }

    /// Asks Daybook for something. If the power is cut, Daybook is started again on what is durable.
    pub(super) fn run<T>(
        &mut self,
        cut: Option<Cut>,
        what: impl FnOnce(&mut Pipeline) -> Result<T, PipelineError>,
    ) -> Ended<T> {
        self.arm(cut);
        let pipeline = self.pipeline.as_mut().expect("it runs");
        let done = catch_unwind(AssertUnwindSafe(|| what(pipeline)));
        self.arm(None);
        match done {
            Ok(Ok(done)) => Ended::Done(done),
            Ok(Err(PipelineError::Refused(why))) => Ended::Refused(why),
            Ok(Err(error)) => panic!("Daybook failed: {error}"),
            Err(panic) if panic.is::<PowerCut>() => self.restart(),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Cuts the power between two things.
    pub(super) fn restart_now(&mut self) {
        let _: Ended<()> = self.restart();
    }

    fn restart<T>(&mut self) -> Ended<T> {
        let store = self.pipeline.take().expect("it ran").into_store();
        self.start(store);
        Ended::Killed
    }

    fn arm(&mut self, cut: Option<Cut>) {
        let (moment, point) = match cut {
            None => (None, None),
            Some(Cut::Disk(moment)) => (Some(moment), None),
            Some(Cut::Commit(point, after)) => (None, Some((point, after))),
        };
        self.disk.cut_at(moment);
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = point;
    }

    /// The names of the fields by their numbers.
    pub(super) fn fields(&mut self) -> BTreeMap<daybook::model::FieldId, &'static str> {
        let table = self.pipeline().config().tables.first().expect("there is a table");
        let named = |name: &str| super::people::FIELDS.into_iter().find(|field| *field == name);
        table.fields.iter().filter_map(|field| Some((field.id, named(field.name.as_str())?))).collect()
    }
}

fn configuration(setting: Setting) -> String {
    let Setting { missing_rows, rows, gone, .. } = setting;
    let rows_min = if setting.guarded { 4 } else { 1000 };
    format!(
        r#"
[office]
name = "Office"
language = "en"
country = "CN"
timezone = "Asia/Shanghai"
[store]
path = "data/daybook.db"
key_file = "keys/daybook.key"
[guard]
changed_cells_max_percent = 50
missing_rows_max_percent = 40
rows_min = {rows_min}
[[department]]
name = "sales"
[[department]]
name = "finance"
[[department]]
name = "service"
[[table]]
name = "customers"
primary_key = ["id"]
[[table.field]]
name = "id"
[[table.field]]
name = "name"
[[table.field]]
name = "phone"
class = "sensitive"
[[table.field]]
name = "memo"
class = "service"
[[table.field]]
name = "limit"
conflict = "latest"
[[table.field]]
name = "credit"
class = "transaction"
[[access]]
id = "sales-all"
role = "sales"
table = "customers"
relation = "all"
read = ["transaction"]
write = ["basic", "sensitive", "service"]
create = true
[[access]]
id = "finance-all"
role = "finance"
table = "customers"
relation = "all"
mask = ["sensitive"]
write = ["basic", "transaction"]
create = true
[[access]]
id = "service-all"
role = "service"
table = "customers"
relation = "all"
read = ["transaction"]
write = ["basic", "service"]
create = true
[[workbook]]
name = "sales"
path = "share/sales.xlsx"
table = "customers"
acts_as = "role:sales@sales"
missing_rows = "{missing_rows}"
[[view]]
name = "finance"
path = "share/finance.xlsx"
table = "customers"
for = "role:finance@finance"
editable = true
[[workbook]]
name = "service"
path = "share/service.xlsx"
table = "customers"
acts_as = "role:service@service"
sync = "two-way"
rows = "{rows}"
status_header = "Daybook"
missing_rows = "{gone}"
"#
    )
}
