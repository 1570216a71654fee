//! Who there is and what the access table says, as the configuration states it. `access` compiles it.

use super::{Email, TableName};

/// People, departments and access rules.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The classes of information, in the configuration's order, the four standard ones first.
    pub classes: Vec<String>,
    /// The departments, as paths with `/`.
    pub departments: Vec<String>,
    /// The people.
    pub people: Vec<Person>,
    /// The rules.
    pub rules: Vec<AccessRule>,
}

/// A person of the office.
#[derive(Clone, Debug)]
pub struct Person {
    /// E-mail, in lower case: the person's identity.
    pub email: String,
    /// Her name.
    pub name: String,
    /// The roles that she holds.
    pub roles: Vec<String>,
    /// Her department.
    pub department: Option<String>,
    /// Other addresses that the office has confirmed to be hers: what she mails from them is hers. Nobody else has any of them.
    pub addresses: Vec<Email>,
}

/// How many classes can be told apart: a class is one bit of a set.
pub const CLASSES_MAX: usize = 64;

/// Which records a rule is about, as seen from the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The record's owner is the actor.
    Own,
    /// The record's department is the actor's.
    Department,
    /// The record's department is the actor's or lies below it.
    DepartmentTree,
    /// Every record.
    All,
}

/// One `[[access]]` rule. Nothing is allowed that no rule allows; `deny` wins over every rule.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// Its id, which stands in the history of what it decided.
    pub id: String,
    /// The role that it is for.
    pub role: String,
    /// The table that it is about.
    pub table: TableName,
    /// Which records.
    pub relation: Relation,
    /// Classes that may be read.
    pub read: Vec<String>,
    /// Classes that are shown masked.
    pub mask: Vec<String>,
    /// Classes that may be changed. Write implies read, so none of them stands in `mask` too.
    pub write: Vec<String>,
    /// Classes that may be neither read nor changed, whatever another rule says.
    pub deny: Vec<String>,
    /// Whether records may be added.
    pub create: bool,
    /// Why, in the office's own words.
    pub reason: String,
}
