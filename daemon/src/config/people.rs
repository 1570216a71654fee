//! Who there is: `[[class]]`, `[[department]]`, `[[person]]`, and the actors that sources and views name.

use std::collections::BTreeSet;

use super::defaults;
use super::problem::ProblemKind;
use super::reader::{Item, Located, Reader, Report, listed};
use crate::model::policy::{CLASSES_MAX, Person};
use crate::model::{Actor, Email};

/// The names that later sections refer to.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// The classes of information, the standard ones first.
    pub(super) classes: Vec<String>,
    /// The departments that are declared.
    pub(super) departments: Vec<String>,
    /// The people.
    pub(super) people: Vec<Person>,
    /// The roles that people hold or that sources and views name.
    pub(super) roles: BTreeSet<String>,
}

impl Roster {
    /// Whether a department is declared, or lies above one that is.
    fn knows_department(&self, path: &str) -> bool {
        self.departments
            .iter()
            .any(|known| known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Reports a department that is not known; whether it is.
    fn check_department(&self, report: &Report, department: &Located<String>) -> bool {
        let known = self.knows_department(&department.value);
        if !known {
            let names = self.departments.iter().map(String::as_str);
            report.add_unknown(department, "department", names, "declare it with `[[department]]`");
        }
        known
    }

    /// Keeps the classes that are known and reports the others.
    pub(super) fn check_class(&self, report: &Report, class: &Located<String>) -> bool {
        let known = self.classes.contains(&class.value);
        if !known {
            let names = self.classes.iter().map(String::as_str);
            let hint = format!("known are {}; declare others with `[[class]]`", listed(names.clone()));
            report.add_unknown(class, "class", names, &hint);
        }
        known
    }

    /// Reads `li.lei@example.com` or `role:sales@sales/east`; the role is known from then on.
    pub(super) fn actor(&mut self, report: &Report, text: Located<String>) -> Option<Actor> {
        if let Some(post) = text.value.strip_prefix("role:") {
            let (role, department) = match post.split_once('@') {
                Some((role, department)) => (role, Some(department)),
                None => (post, None),
            };
            if !check_name(report, &Located { value: role.to_owned(), spot: text.spot.clone() }) {
                return None;
            }
            self.roles.insert(role.to_owned());
            if let Some(department) = department {
                let department = Located { value: department.to_owned(), spot: text.spot.clone() };
                if !self.check_department(report, &department) {
                    return None;
                }
            }
            return Some(Actor::Role { role: role.to_owned(), department: department.map(str::to_owned) });
        }
        let email = Located { value: text.value.to_lowercase(), spot: text.spot };
        if self.people.iter().any(|person| person.email == email.value) {
            return Some(Actor::Person(email.value));
        }
        let names = self.people.iter().map(|person| person.email.as_str());
        report.add_unknown(&email, "person", names, "a person's e-mail, or `role:NAME@DEPARTMENT`");
        None
    }
}

/// Reads `[[class]]`, `[[department]]` and `[[person]]`.
pub(super) fn read_people(root: &mut Reader<'_>) -> Roster {
    let mut people = Roster { classes: defaults::CLASSES.map(str::to_owned).to_vec(), ..Roster::default() };
    read_classes(root, &mut people);
    read_departments(root, &mut people);
    read_persons(root, &mut people);
    people
}

fn read_classes(root: &mut Reader<'_>, people: &mut Roster) {
    let mut declared: Vec<String> = Vec::new();
    for mut reader in root.sections("class") {
        if let Some(name) = reader.need("name").and_then(Item::text)
            && check_name(reader.report, &name)
        {
            if declared.contains(&name.value) {
                add_duplicate(reader.report, &name, "class");
            }
            // A standard class may be declared, which changes nothing.
            if !people.classes.contains(&name.value) {
                // Told once: those after it are too many as well.
                if people.classes.len() == CLASSES_MAX {
                    let message =
                        format!("`{}` is one class too many: at most {CLASSES_MAX} can be told apart", name.value);
                    let hint = "the standard classes count too; join classes that the same people may see";
                    reader.report.add(&name.spot, ProblemKind::WrongValue, message, hint);
                }
                people.classes.push(name.value.clone());
            }
            declared.push(name.value);
        }
        reader.finish();
    }
}

fn read_departments(root: &mut Reader<'_>, people: &mut Roster) {
    for mut reader in root.sections("department") {
        if let Some(name) = reader.need("name").and_then(Item::text) {
            if name.value.split('/').any(|part| part.trim().is_empty() || part.trim().len() != part.len()) {
                let message = format!("`{}` is not a path of departments", name.value);
                reader.report.add(&name.spot, ProblemKind::WrongValue, message, "names joined by `/`: `sales/east`");
            } else if people.departments.contains(&name.value) {
                add_duplicate(reader.report, &name, "department");
            } else {
                people.departments.push(name.value);
            }
        }
        reader.finish();
    }
}

fn read_persons(root: &mut Reader<'_>, people: &mut Roster) {
    let file = root.report;
    // Whose, and where each stands: checked when all people are known.
    let mut others: Vec<(usize, Located<Email>)> = Vec::new();
    for mut reader in root.sections("person") {
        let report = reader.report;
        let email = reader.need("email").and_then(Item::text).and_then(|email| checked_email(report, email));
        let name = reader.item("name").and_then(Item::text);
        let roles = reader.item("roles").and_then(Item::distinct_texts).unwrap_or_default();
        let department = reader.item("department").and_then(Item::text);
        let addresses = reader.item("addresses").and_then(Item::distinct_texts).unwrap_or_default();
        reader.finish();
        let addresses: Vec<_> = addresses.into_iter().filter_map(|address| checked_address(report, &address)).collect();
        let roles: Vec<String> =
            roles.into_iter().filter(|role| check_name(report, role)).map(|role| role.value).collect();
        people.roles.extend(roles.iter().cloned());
        let department = department.filter(|department| people.check_department(report, department));
        let Some(email) = email else { continue };
        if people.people.iter().any(|person| person.email == email.value) {
            add_duplicate(report, &email, "person");
            continue;
        }
        others.extend(addresses.into_iter().map(|address| (people.people.len(), address)));
        people.people.push(Person {
            addresses: Vec::new(),
            name: name.map_or_else(|| email.value.clone(), |name| name.value),
            email: email.value,
            roles,
            department: department.map(|department| department.value),
        });
    }
    for (whose, address) in others {
        add_address(file, &mut people.people, whose, address);
    }
}

/// Gives a person another address, unless it is somebody's already.
fn add_address(report: &Report, people: &mut [Person], whose: usize, address: Located<Email>) {
    let has = |person: &Person| person.email == address.value.as_str() || person.addresses.contains(&address.value);
    let Some(other) = people.iter().position(has) else {
        if let Some(person) = people.get_mut(whose) {
            person.addresses.push(address.value);
        }
        return;
    };
    let (message, hint) = if other == whose {
        (format!("`{}` is hers already", address.value), "leave it out: `addresses` are those beside `email`")
    } else {
        (format!("`{}` is taken by another person", address.value), "an address belongs to one person")
    };
    report.add(&address.spot, ProblemKind::Duplicate, message, hint);
}

/// An address that a mail's From can be held against.
fn checked_address(report: &Report, text: &Located<String>) -> Option<Located<Email>> {
    let address = Email::parse(&text.value);
    if address.is_none() {
        let message = format!("`{}` is not a plain e-mail address", text.value);
        let hint = "letters, digits and signs of ASCII, one `@`, and a domain: `li.lei@example.org`";
        report.add(&text.spot, ProblemKind::WrongValue, message, hint);
    }
    Some(Located { value: address?, spot: text.spot.clone() })
}

/// An e-mail address in lower case: something, one `@`, something, and no white space.
pub(super) fn checked_email(report: &Report, email: Located<String>) -> Option<Located<String>> {
    let is_address = email.value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !email.value.contains(char::is_whitespace)
    });
    if !is_address {
        let message = format!("`{}` is not an e-mail address", email.value);
        report.add(&email.spot, ProblemKind::WrongValue, message, "");
        return None;
    }
    Some(Located { value: email.value.to_lowercase(), spot: email.spot })
}

/// Whether a text can be a name: it stands in commands, in paths of keys and in `NAME=VALUE` without quotes.
pub(super) fn check_name(report: &Report, name: &Located<String>) -> bool {
    let good = !name.value.is_empty()
        && name.value.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'))
        && !name.value.starts_with(['-', '.']);
    if !good {
        let message = format!("`{}` can't be a name", name.value);
        report.add(&name.spot, ProblemKind::WrongValue, message, "letters, digits, `_`, `-` and `.`");
    }
    good
}

/// Reports a name that is taken.
pub(super) fn add_duplicate(report: &Report, name: &Located<String>, what: &str) {
    let message = format!("`{}` is taken by another {what}", name.value);
    report.add(&name.spot, ProblemKind::Duplicate, message, "give it another name, or remove one of the two");
}
