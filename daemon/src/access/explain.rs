//! Why somebody may or may not: every rule with what kept it from speaking.

use std::fmt;

use crate::model::policy::Relation;
use crate::model::{Actor, Table};

use super::decider::{Decider, Subject};
use super::rights::RuleId;

/// What a rule says of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Neither read nor changed, whatever another rule says.
    Deny,
    /// Read and changed.
    Write,
    /// Read.
    Read,
    /// Shown masked.
    Mask,
}

/// Why a rule spoke or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is about another table.
    OtherTable,
    /// The actor does not hold its role.
    RoleNotHeld,
    /// Its relation does not hold between the actor and the record.
    NotRelated,
    /// It applies, and does not list the class.
    ClassNotListed,
    /// It applies and says this.
    Applies(Effect),
}

/// One rule of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule; `steward` or `daybook` for the two that no rule is about.
    pub rule: RuleId,
    /// The rule's reason, in the office's words.
    pub reason: String,
    /// Its role.
    pub role: String,
    /// Its relation.
    pub relation: Relation,
    /// Why it spoke or did not.
    pub why: Why,
    /// Whether it settled the matter.
    pub decides: bool,
}

/// Writes the step as one line of words: ``rule `sales-own`: the record's owner is another person``.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`: ", self.rule)?;
        match self.why {
            Why::OtherTable => f.write_str("is about another table"),
            Why::RoleNotHeld => write!(f, "is for the role `{}`, which is not held", self.role),
            Why::NotRelated => f.write_str(match self.relation {
                Relation::Own => "the record has another owner",
                Relation::Department => "the record is of another department",
                Relation::DepartmentTree => "the record's department does not lie below",
                Relation::All => "does not apply",
            }),
            Why::ClassNotListed => f.write_str("applies, and does not list the class"),
            Why::Applies(effect) => f.write_str(match effect {
                Effect::Deny => "denies it",
                Effect::Write => "allows to change it",
                Effect::Read => "allows to read it",
                Effect::Mask => "shows a mask of it",
            }),
        }
    }
}

impl Decider {
    /// Lists every rule, in the configuration's order, with why it did or did not speak about a class of a record.
    ///
    /// The step that decides is the one that [`Decider::rights`] names; if none does, nothing is allowed.
    pub fn explain(&self, actor: &Actor, table: &Table, subject: &Subject<'_>, class: &str) -> Vec<Step> {
        match actor {
            Actor::Steward => return vec![unruled("steward", "The steward at the machine may do all.", Effect::Write)],
            Actor::Daybook => return vec![unruled("daybook", "Daybook reads all, to publish it.", Effect::Read)],
            Actor::Person(_) | Actor::Role { .. } => {}
        }
        let standing = self.standing(actor);
        let relations = standing.relations(subject);
        let class_number = super::decider::class_number(&self.classes, class);
        let deciding = self.rights(actor, table, subject).deciding_rule(class);
        let step = |(number, rule): (usize, &super::decider::CompiledRule)| {
            let lists = |set: super::rights::ClassSet| class_number.is_some_and(|class| set.contains(class));
            let why = if rule.table != table.name {
                Why::OtherTable
            } else if !standing.holds(&rule.role) {
                Why::RoleNotHeld
            } else if !relations.contains(rule.relation) {
                Why::NotRelated
            } else if lists(rule.deny) {
                Why::Applies(Effect::Deny)
            } else if lists(rule.write) {
                Why::Applies(Effect::Write)
            } else if lists(rule.read) {
                Why::Applies(Effect::Read)
            } else if lists(rule.mask) {
                Why::Applies(Effect::Mask)
            } else {
                Why::ClassNotListed
            };
            Step {
                rule: rule.id.clone(),
                reason: rule.reason.clone(),
                role: rule.role.clone(),
                relation: rule.relation,
                why,
                decides: deciding == Some(number),
            }
        };
        self.rules.iter().enumerate().map(step).collect()
    }
}

/// The one step of an actor that the rules are not about.
fn unruled(name: &str, reason: &str, effect: Effect) -> Step {
    Step {
        rule: RuleId::new(name),
        reason: reason.to_owned(),
        role: name.to_owned(),
        relation: Relation::All,
        why: Why::Applies(effect),
        decides: true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::decider::tests::{customers, li, names, policy, rule};
    use super::*;

    #[test]
    fn each_rule_says_why_it_did_not_speak_and_one_decides() {
        let mut own = rule("own", Relation::Own);
        own.write = names(&["basic"]);
        let mut finance = rule("finance", Relation::All);
        finance.role = "finance".to_owned();
        let mut tree = rule("tree", Relation::DepartmentTree);
        tree.read = names(&["basic"]);
        let mut other = rule("other", Relation::All);
        other.read = names(&["service"]);
        let mut deny = rule("deny", Relation::All);
        deny.deny = names(&["sensitive"]);
        let decider = Decider::compile(&policy(vec![own, finance, tree, other, deny]), &[customers()]);
        let subject = Subject { owner: Some("han@example.com"), department: Some("sales/east") };

        let steps = decider.explain(&li(), &customers(), &subject, "basic");
        let whys: Vec<Why> = steps.iter().map(|step| step.why).collect();
        assert_eq!(
            whys,
            [Why::NotRelated, Why::RoleNotHeld, Why::Applies(Effect::Read), Why::ClassNotListed, Why::ClassNotListed]
        );
        let deciding: Vec<String> =
            steps.iter().filter(|step| step.decides).map(|step| step.rule.to_string()).collect();
        assert_eq!(deciding, ["tree"]);
        assert_eq!(steps[0].to_string(), "rule `own`: the record has another owner");

        let denied = decider.explain(&li(), &customers(), &subject, "sensitive");
        assert!(denied[4].decides);
        assert_eq!(denied[4].why, Why::Applies(Effect::Deny));
    }

    #[test]
    fn the_steward_needs_no_rule() {
        let decider = Decider::compile(&policy(Vec::new()), &[customers()]);
        let steps = decider.explain(&Actor::Steward, &customers(), &Subject::default(), "basic");
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].why, Why::Applies(Effect::Write));
    }
}
