//! Sections whose features are not built yet: refused, with their keys still checked for typing errors.

use super::reader::Reader;

/// A section that is refused, with its keys. Dotted keys are those of a table inside.
struct Later {
    name: &'static str,
    is_list: bool,
    keys: &'static [&'static str],
    tables: &'static [(&'static str, &'static [&'static str])],
}

const LATER: [Later; 2] = [
    Later { name: "backup", is_list: false, keys: &["directory", "every_hours", "keep", "recipients"], tables: &[] },
    Later { name: "audit", is_list: false, keys: &["checkpoint_path"], tables: &[] },
];

/// Refuses each of these sections that is there.
pub(super) fn refuse_later(root: &mut Reader<'_>) {
    for later in &LATER {
        let sections = if later.is_list { root.sections(later.name) } else { vec![root.section(later.name)] };
        for section in sections {
            refuse(section, later);
        }
    }
}

fn refuse(mut section: Reader<'_>, later: &Later) {
    if section.is_present() {
        section.refuse();
    }
    for key in later.keys {
        // Asked for, so that it is known; what it holds is for later.
        let _known = section.item(key);
    }
    for (name, keys) in later.tables {
        let mut table = section.section(name);
        for key in *keys {
            let _known = table.item(key);
        }
        table.finish();
    }
    section.finish_refused();
}
