//! Rights: what an actor may do with a record, class by class, and which rule says so.

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;

use crate::model::policy::CLASSES_MAX;

use super::decider::{CompiledRule, Decider, class_number};

/// The id of an access rule, as it stands in the history of what it decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(CompactString);

impl RuleId {
    /// Wraps an id.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as it is written in the configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RuleId> for CompactString {
    fn from(id: RuleId) -> Self {
        id.0
    }
}

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sight {
    /// Not at all.
    Hidden,
    /// As [`super::mask`] makes it.
    Masked,
    /// As it is.
    Clear,
}

/// Why something was not allowed, for the person who tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that denied, or that allows less than was tried; `None` if no rule says anything.
    pub rule: Option<RuleId>,
    /// The reason in plain words, to stand behind a colon: it begins in lower case and has no full stop. It names
    /// rules and classes, never a value.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// A set of classes, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClassSet(u64);

impl ClassSet {
    /// The set and one more class.
    pub(super) fn with(self, class: usize) -> Self {
        Self(self.0 | 1 << class)
    }

    /// Whether a class is in the set.
    pub(super) fn contains(self, class: usize) -> bool {
        self.0 >> class & 1 != 0
    }

    fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Which rules say something of a class: indices into the decider's rules, the first in the configuration's order.
#[derive(Clone, Copy, Debug, Default)]
struct Voices {
    deny: Option<usize>,
    write: Option<usize>,
    read: Option<usize>,
    mask: Option<usize>,
}

/// What stands behind rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// The access rules.
    Rules,
    /// The steward at the machine: all rights.
    Steward,
    /// Daybook itself: it reads everything, to publish it.
    Daybook,
}

/// What one actor may do in one table while one set of relations holds.
#[derive(Debug)]
pub(super) struct Grants {
    basis: Basis,
    classes: Arc<[String]>,
    rules: Arc<[CompiledRule]>,
    clear: ClassSet,
    masked: ClassSet,
    writable: ClassSet,
    voices: Box<[Voices]>,
    create: Option<usize>,
}

impl Grants {
    fn new(decider: &Decider, basis: Basis) -> Self {
        Self {
            basis,
            classes: Arc::clone(&decider.classes),
            rules: Arc::clone(&decider.rules),
            clear: ClassSet::default(),
            masked: ClassSet::default(),
            writable: ClassSet::default(),
            voices: Box::default(),
            create: None,
        }
    }

    /// The steward's.
    pub(super) fn everything(decider: &Decider) -> Self {
        Self::new(decider, Basis::Steward)
    }

    /// Daybook's own.
    pub(super) fn reading_everything(decider: &Decider) -> Self {
        Self::new(decider, Basis::Daybook)
    }

    /// What the rules that apply allow. Deny wins; write implies read; read is more than mask.
    pub(super) fn of_rules(decider: &Decider, applies: impl Fn(&CompiledRule) -> bool) -> Self {
        let mut grants = Self::new(decider, Basis::Rules);
        let mut voices = vec![Voices::default(); decider.classes.len().min(CLASSES_MAX)];
        let mut denied = ClassSet::default();
        for (number, rule) in decider.rules.iter().enumerate().filter(|(_, rule)| applies(rule)) {
            denied = denied.union(rule.deny);
            grants.writable = grants.writable.union(rule.write);
            grants.clear = grants.clear.union(rule.read).union(rule.write);
            grants.masked = grants.masked.union(rule.mask);
            if rule.create {
                grants.create.get_or_insert(number);
            }
            for (class, voice) in voices.iter_mut().enumerate() {
                for (listed, slot) in [
                    (rule.deny, &mut voice.deny),
                    (rule.write, &mut voice.write),
                    (rule.read, &mut voice.read),
                    (rule.mask, &mut voice.mask),
                ] {
                    if listed.contains(class) {
                        slot.get_or_insert(number);
                    }
                }
            }
        }
        grants.writable = grants.writable.without(denied);
        grants.clear = grants.clear.without(denied);
        grants.masked = grants.masked.without(denied).without(grants.clear);
        grants.voices = voices.into();
        grants
    }
}

/// What an actor may do with a record. Cheap to copy; made by [`Decider::rights`] only.
#[derive(Clone, Debug)]
pub struct Rights(Arc<Grants>);

impl Rights {
    pub(super) fn new(grants: Grants) -> Self {
        Self(Arc::new(grants))
    }

    /// Whether this decider made them.
    pub(super) fn are_of(&self, decider: &Decider) -> bool {
        Arc::ptr_eq(&self.0.rules, &decider.rules)
    }

    /// How values of a class are shown.
    pub fn sight(&self, class: &str) -> Sight {
        if self.0.basis != Basis::Rules {
            return Sight::Clear;
        }
        match class_number(&self.0.classes, class) {
            Some(class) if self.0.clear.contains(class) => Sight::Clear,
            Some(class) if self.0.masked.contains(class) => Sight::Masked,
            _ => Sight::Hidden,
        }
    }

    /// Whether values of a class may be changed, and which rule says so or says no.
    pub fn may_write(&self, class: &str) -> Result<RuleId, Refusal> {
        self.may_write_of(class, "this value")
    }

    /// The same, with words for what it is that was to be changed.
    pub(super) fn may_write_of(&self, class: &str, what: &str) -> Result<RuleId, Refusal> {
        match self.0.basis {
            Basis::Steward => return Ok(RuleId::new("steward")),
            Basis::Daybook => return Err(daybook_writes_nothing()),
            Basis::Rules => {}
        }
        // A class that no rule can name has no voices, like one that none names.
        let number = class_number(&self.0.classes, class);
        let voices = number.map_or_else(Voices::default, |number| self.0.voices[number]);
        if let (Some(number), Some(rule)) = (number, voices.write)
            && self.0.writable.contains(number)
        {
            return Ok(self.0.rules[rule].id.clone());
        }
        let because = |number: usize, says: String| {
            let rule = &self.0.rules[number];
            let reason = rule.reason.trim_end_matches(['.', '。']);
            let colon = if reason.is_empty() { "" } else { ": " };
            Refusal { rule: Some(rule.id.clone()), reason: format!("{says} (rule `{}`{colon}{reason})", rule.id) }
        };
        Err(match voices {
            Voices { deny: Some(rule), .. } => because(rule, format!("you may neither see nor change {what}")),
            Voices { read: Some(rule), .. } => because(rule, format!("you may see {what} but not change it")),
            Voices { mask: Some(rule), .. } => {
                because(rule, format!("you may see {what} only in part and not change it"))
            }
            _ => Refusal { rule: None, reason: format!("no rule lets you change {what} (class `{class}`)") },
        })
    }

    /// Whether the record may be added, and which rule says so.
    pub fn may_create(&self) -> Result<RuleId, Refusal> {
        match (self.0.basis, self.0.create) {
            (Basis::Steward, _) => Ok(RuleId::new("steward")),
            (Basis::Daybook, _) => Err(daybook_writes_nothing()),
            (Basis::Rules, Some(rule)) => Ok(self.0.rules[rule].id.clone()),
            (Basis::Rules, None) => Err(Refusal {
                rule: None,
                reason: "no rule lets you add a record with this owner and department".to_owned(),
            }),
        }
    }

    /// Whether anything of the record may be seen, be it a mask; if not, the record does not exist for the actor.
    pub fn any(&self) -> bool {
        self.0.basis != Basis::Rules || self.0.clear.union(self.0.masked) != ClassSet::default()
    }

    /// The rule that settles how a class is shown: an index into the decider's rules.
    pub(super) fn deciding_rule(&self, class: &str) -> Option<usize> {
        let voices = self.0.voices.get(class_number(&self.0.classes, class)?)?;
        voices.deny.or(voices.write).or(voices.read).or(voices.mask)
    }
}

fn daybook_writes_nothing() -> Refusal {
    Refusal { rule: None, reason: "nothing is changed in Daybook's own name".to_owned() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::super::decider::tests::{customers, li, names, policy, rule};
    use super::super::{Decider, Subject};
    use super::*;
    use crate::model::Actor;
    use crate::model::policy::{AccessRule, Relation};

    fn rights(rules: Vec<AccessRule>) -> Rights {
        Decider::compile(&policy(rules), &[customers()]).rights(&li(), &customers(), &Subject::default())
    }

    #[test]
    fn the_first_rule_in_the_configuration_is_named() {
        let mut first = rule("first", Relation::All);
        first.write = names(&["basic"]);
        let mut second = rule("second", Relation::All);
        second.write = names(&["basic"]);
        second.create = true;
        let rights = rights(vec![first, second]);
        assert_eq!(rights.may_write("basic").unwrap().as_str(), "first");
        assert_eq!(rights.may_create().unwrap().as_str(), "second");
    }

    #[test]
    fn a_refusal_names_the_rule_and_its_reason() {
        let mut sales = rule("sales-all", Relation::All);
        sales.write = names(&["basic", "service"]);
        sales.read = names(&["transaction"]);
        sales.mask = names(&["sensitive"]);
        let mut frozen = rule("frozen", Relation::All);
        frozen.deny = names(&["service"]);
        frozen.reason = String::new();
        let rights = rights(vec![sales, frozen]);
        let said = |class| {
            let refusal = rights.may_write(class).unwrap_err();
            (refusal.rule.map_or_else(String::new, |rule| rule.to_string()), refusal.reason)
        };
        let pair = |rule: &str, reason: &str| (rule.to_owned(), reason.to_owned());
        assert_eq!(said("service"), pair("frozen", "you may neither see nor change this value (rule `frozen`)"));
        assert_eq!(
            said("transaction"),
            pair("sales-all", "you may see this value but not change it (rule `sales-all`: because of sales-all)")
        );
        assert_eq!(
            said("sensitive"),
            pair(
                "sales-all",
                "you may see this value only in part and not change it (rule `sales-all`: because of sales-all)"
            )
        );
        assert_eq!(said("other"), pair("", "no rule lets you change this value (class `other`)"));
        let of_record = rights.may_write_of("service", "one of its values").unwrap_err().reason;
        assert_eq!(of_record, "you may neither see nor change one of its values (rule `frozen`)");
    }

    #[test]
    fn reasons_stand_behind_a_colon() {
        let mut reading = rule("reading", Relation::All);
        reading.read = names(&["basic"]);
        reading.reason = "只读。".to_owned();
        let decider = Decider::compile(&policy(vec![reading]), &[customers()]);
        let rights = decider.rights(&li(), &customers(), &Subject::default());
        let daybook = decider.rights(&Actor::Daybook, &customers(), &Subject::default());
        let refusals = [
            rights.may_write("basic").unwrap_err(),
            rights.may_write("service").unwrap_err(),
            rights.may_create().unwrap_err(),
            daybook.may_write("basic").unwrap_err(),
        ];
        for Refusal { reason, .. } in refusals {
            assert!(reason.starts_with(char::is_lowercase), "{reason}");
            assert!(!reason.contains(['.', '。']), "{reason}");
        }
    }

    #[test]
    fn a_mask_alone_makes_the_record_visible() {
        let mut masking = rule("masking", Relation::All);
        masking.mask = names(&["sensitive"]);
        assert!(rights(vec![masking.clone()]).any());
        masking.deny = names(&["sensitive"]);
        assert!(!rights(vec![masking]).any());
    }
}
