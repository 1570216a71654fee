//! Two LibreOffice programs and the daemon edit the same three workbooks for some hundred rounds, and every edit is accounted for.
//!
//! Two people open, type, save and close in an order that a seed decides, while the daemon takes their saves and writes what
//! others changed into the workbooks that are closed. From time to time both close everything; when all is quiet the oracle
//! judges, a steward decides what is asked, and they go on. `DAYBOOK_TOGETHER_SEED=n` runs another seed, `DAYBOOK_TOGETHER_ROUNDS=n`
//! more rounds.

mod books;
mod oracle;
mod people;
mod planted;
mod world;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::LibreOffice;
use super::openpyxl::Dump;
use crate::contract::office::Office;
use crate::sim::dice::Dice;
use books::BOOKS;
use oracle::{Log, Met};
use people::{Desk, Person};
use world::World;

/// How many records there are at the start.
const RECORDS: usize = 30;
/// How many rounds lie between two times of quiet.
const SPELL_ROUNDS: usize = 25;
/// How long it may take until all is quiet.
const QUIET_DEADLINE: Duration = Duration::from_mins(1);
/// How long nothing has to happen for that: longer than the daemon's poll.
const QUIET: Duration = Duration::from_millis(1500);

fn number_of(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// Waits until nothing waits and nothing changes; what still waited if that takes too long.
fn wait_until_quiet(office: &Office) -> Result<(), String> {
    let look = || {
        let status = office.json(&["status"]);
        let files = BOOKS.iter().map(|book| {
            let file = fs::metadata(office.path(book.file)).expect("the workbook is there");
            (file.ino(), file.len(), file.mtime_nsec())
        });
        let waits = |source: &serde_json::Value| source["pending"] != 0;
        let is_idle = status["outbox"]["pending"] == 0 && status["outbox"]["parked"] == 0;
        let is_idle = is_idle && !status["sources"].as_array().expect("there are sources").iter().any(waits);
        (is_idle, (status["store"]["revision"].clone(), files.collect::<Vec<_>>()), status)
    };
    let begin = Instant::now();
    let (mut since, mut last) = (Instant::now(), None);
    loop {
        let (is_idle, seen, status) = look();
        if !is_idle || last.as_ref() != Some(&seen) {
            (since, last) = (Instant::now(), Some(seen));
        } else if since.elapsed() > QUIET {
            return Ok(());
        }
        if begin.elapsed() > QUIET_DEADLINE {
            return Err(format!("it is never quiet: {status}"));
        }
        sleep(Duration::from_millis(100));
    }
}

/// Both edit for a while, and close what they have open.
fn live(desk: &mut Desk<'_>, people: &mut [Person; 2]) {
    let mut left = SPELL_ROUNDS;
    while left > 0 {
        let who = desk.dice.below(2);
        let taken = people[1 - who].has_open();
        left -= usize::from(people[who].round(desk, taken));
    }
    for person in people {
        person.close(desk.office);
    }
}

/// Waits until all is quiet, looks, and holds that nothing is wrong.
#[track_caller]
fn judge(desk: &Desk<'_>, program: &mut LibreOffice, seed: u64) -> (World, Met) {
    let quiet = wait_until_quiet(desk.office);
    let world = World::seen(desk.office, program);
    let (mut violations, met) = desk.log.judge(&world);
    violations.extend(quiet.err());
    assert!(violations.is_empty(), "seed {seed}:\n{}\n---\n{}", violations.join("\n"), desk.trace.join("\n"));
    (world, met)
}

/// The steward decides all that is asked, this way or that.
fn decide(desk: &mut Desk<'_>, world: &World) {
    for question in &world.questions {
        let is_conflict = question.kind == "conflict";
        let (choice, value) = match (is_conflict, desk.dice.chance(50)) {
            (true, true) => ("incoming", &question.incoming),
            (true, false) => ("stored", &question.stored),
            (false, _) => ("reject", &question.incoming),
        };
        desk.trace.push(format!("decides {choice}: {question:?}"));
        desk.office.program(&["review", "decide", &question.id, choice]).ends(0);
        if is_conflict {
            let (key, field) = (question.key.clone(), question.field.clone());
            desk.log.asked.insert((key.clone(), field.clone(), question.incoming.clone()));
            desk.log.decided.retain(|(own, own_field, _)| (own, own_field) != (&key, &field));
            desk.log.decided.push((key, field, value.clone()));
        }
    }
}

#[test]
fn two_people_and_the_daemon_edit_three_workbooks() {
    let (Some(one), Some(other)) = (LibreOffice::start(), LibreOffice::start()) else { return };
    let seed = number_of("DAYBOOK_TOGETHER_SEED", 1);
    let rounds = usize::try_from(number_of("DAYBOOK_TOGETHER_ROUNDS", 200)).expect("not that many");
    let mut people = [Person::new(one), Person::new(other)];
    let log = Log { start: books::start(RECORDS), ..Log::default() };
    let office = books::office(&log.start);
    assert_eq!(office.sync()["applied"], 6 * RECORDS);
    let daemon = office.start(&["run"]);
    let mut desk =
        Desk { office: &office, dice: Dice::new(seed, 7), log, next: RECORDS + 1, spell: 0, trace: Vec::new() };
    for spell in 0..rounds / SPELL_ROUNDS {
        desk.spell = spell;
        desk.trace.push(format!("--- spell {spell}"));
        live(&mut desk, &mut people);
        let (world, _) = judge(&desk, &mut people[0].program, seed);
        decide(&mut desk, &world);
    }
    let (world, met) = judge(&desk, &mut people[0].program, seed);
    assert_eq!(world.questions, [], "all is decided");
    daemon.signal(Signal::TERM);
    let ran = daemon.ended("the daemon").ends(0);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    office.store_is_sound();
    assert!(met.applied > rounds / 2 && met.refused > 0 && met.conflicts > 0, "{met:?}");
    assert!(met.typed_over < rounds / 10, "{met:?}");
    for book in BOOKS.iter().filter(|book| !book.is_text) {
        if let Some(dump) = Dump::of(&office.path(book.file)) {
            let formulas = dump.formulas();
            assert!(
                book.name != "desk" || formulas + desk.log.deleted.len() >= RECORDS,
                "{formulas} formulas are left"
            );
        }
    }
}
