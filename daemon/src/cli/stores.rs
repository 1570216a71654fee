//! `daybook store rebuild|check`.

use std::path::Path;

use serde_json::json;

use super::args::StoreCommand;
use super::open::{Make, open};
use super::output::Out;
use super::runs::lock;
use super::{Failure, Outcome};

pub(crate) fn run(config: Option<&Path>, command: &StoreCommand, out: &mut Out) -> Outcome {
    let mut pipeline = open(config, Make::No)?;
    match command {
        StoreCommand::Rebuild => {
            let _lock = lock(&pipeline)?;
            let spinner = out.spinner("replaying the journal");
            let arrivals = pipeline.store().rebuild()?;
            drop(spinner);
            if out.json {
                out.value(&json!({ "arrivals": arrivals }));
            } else {
                out.line(format!("replayed {arrivals} arrivals into a new ledger"));
            }
            Ok(())
        }
        StoreCommand::Check => {
            let spinner = out.spinner("replaying the journal beside the ledger");
            let report = pipeline.store().check()?;
            drop(spinner);
            if out.json {
                out.value(&json!({
                    "arrivals": report.arrivals,
                    "rows": report.rows,
                    "differing": report.differing,
                    "differences": report.differences,
                }));
            } else {
                out.line(format!(
                    "replayed {} arrivals, compared {} rows: {} differ",
                    report.arrivals, report.rows, report.differing
                ));
                report.differences.iter().for_each(|difference| out.line(format!("  {difference}")));
                if report.differing > 0 {
                    out.message("hint: `daybook store rebuild` makes the ledger anew from the journal.");
                }
            }
            if report.differing > 0 { Err(Failure::Wrong) } else { Ok(()) }
        }
    }
}
