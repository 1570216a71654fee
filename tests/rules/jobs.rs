//! Which jobs a plugin is asked for.

use super::*;

const SECTION: &str = "reads = [\"name\"]\nwrites = [\"segment\"]";

fn all() -> Rules {
    Rules {
        normalise: Some(|_| vec![("segment", "a".to_owned())]),
        validate: Some(not_bad),
        classify: Some(|_| vec![("segment", "b".to_owned())]),
        ..Rules::default()
    }
}

#[test]
fn a_plugin_is_asked_for_the_jobs_that_the_office_names() {
    use PluginJob::{Classify, Normalise, Validate};
    for (jobs, expected) in [
        ("", &[Normalise, Validate, Classify][..]),
        ("jobs = [\"validate\"]", &[Validate]),
        ("jobs = [\"classify\", \"normalise\"]", &[Normalise, Classify]),
    ] {
        let mut office = Office::new(&format!("{SECTION}\n{jobs}"), all());
        office.take("staff", &["id|name", "C-1|bad"]);
        let asked: Vec<PluginJob> = office.asked().into_iter().map(|(job, _, _)| job).collect();
        assert_eq!(asked, expected, "{jobs}");
        let holds = expected.contains(&Validate);
        assert_eq!((office.reviews().len(), office.record("C-1").is_some()), (usize::from(holds), !holds), "{jobs}");
    }
}

/// Of one whose jobs nobody knows it has to be feared that it would have found something.
#[test]
fn a_plugin_that_is_not_loaded_holds_rows_only_if_it_might_have_found_something_in_them() {
    for (jobs, holds) in [
        ("", true),
        ("jobs = [\"normalise\", \"classify\"]", true),
        ("jobs = [\"validate\", \"mail\"]", true),
        ("jobs = [\"classify\"]", true),
        ("jobs = [\"mail\"]", false),
        ("jobs = [\"merge\", \"mail\"]", false),
    ] {
        let mut office = Office::with(&format!("{SECTION}\n{jobs}"), "", Rules { gone: true, ..Rules::default() });
        let report = office.take("staff", &["id|name", "C-1|Amber"]);
        assert_eq!((office.reviews().len(), office.record("C-1").is_some()), (usize::from(holds), !holds), "{jobs}");
        let told = if holds { vec!["plugin-held"] } else { Vec::new() };
        assert_eq!(codes(&report), told, "it is told once: {jobs}: {report:?}");
    }
}
