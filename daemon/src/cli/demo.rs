//! `daybook demo`: a small made-up office, a scripted day in it, and then the daemon for trying it out.
//!
//! The day runs through the same library as the daemon, with real workbooks and a real store in a folder of its own. Each
//! step looks up what it tells; if something is not so, the demo fails. So it is a smoke test too.

mod book;
mod customers;
mod day;
mod mail;
mod office;
mod scene;
mod stay;
mod teller;

use self::office::Office;
use self::scene::Scene;
use self::teller::Teller;
use super::Outcome;
use super::args::DemoArguments;
use super::output::Out;
use crate::model::TableName;
use crate::text::{Language, Texts};

/// The only table of the office.
const TABLE: &str = "customers";

/// Makes the office, tells the day, and stays on unless it is asked not to.
pub(crate) fn run(arguments: &DemoArguments, out: &mut Out) -> Outcome {
    let texts = Texts::new(language());
    let json = out.json;
    let office = Office::choose(arguments.dir.as_deref(), &texts)?;
    let mut teller = Teller::new(out);
    teller.headline(&texts.get("demo-title"));
    teller.say(&texts.format("demo-begin", &[("folder", office.directory.display().to_string().into())]));
    let mut pipeline = office.make(&texts)?;
    let table = pipeline.table(&TableName::new(TABLE))?.clone();
    let mut scene = Scene {
        pipeline: &mut pipeline,
        teller: &mut teller,
        texts: &texts,
        office: &office,
        table,
        checks: 0,
        changes: Vec::new(),
    };
    let summary = scene.day()?;
    if json {
        teller.out().value(&summary);
    }
    stay::what_to_try(&mut teller, &texts, &office, !arguments.exit);
    if arguments.exit {
        return Ok(());
    }
    stay::stay_on(&mut pipeline, &mut teller, &texts)
}

/// The language that the person at the terminal reads.
fn language() -> Language {
    let said = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    language_of(said)
}

/// The first that says anything counts, as in POSIX.
fn language_of(mut said: impl Iterator<Item = String>) -> Language {
    match said.find(|value| !value.is_empty()) {
        Some(value) if value.to_lowercase().starts_with("zh") => Language::ZhCn,
        _ => Language::En,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_setting_that_says_anything_chooses_the_language() {
        let of = |values: &[&str]| language_of(values.iter().map(|value| (*value).to_owned()));
        assert_eq!(of(&["", "zh_CN.UTF-8", "en_US"]), Language::ZhCn);
        assert_eq!(of(&["C", "zh_CN.UTF-8"]), Language::En);
        assert_eq!(of(&[]), Language::En);
    }
}
