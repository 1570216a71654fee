//! The decider: the policy, compiled, so that a record's rights cost one comparison of owner and department.
//!
//! A rule speaks of a relation between actor and record. There are only eight sets of relations that can hold at
//! once, so an actor's rights in a table are eight answers, worked out at the first question and kept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::policy::{AccessRule, CLASSES_MAX, Person, Policy, Relation};
use crate::model::{Actor, FieldId, Table, TableName, Value};

use super::rights::Sight;
use super::rights::{ClassSet, Grants, Rights, RuleId};

/// How many viewpoints are remembered, so that questions about strangers can't fill the memory.
const VIEWPOINTS_MAX: usize = 10_000;

/// What the access rules look at in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The e-mail of the person responsible.
    pub owner: Option<&'a str>,
    /// The department, as a path with `/`.
    pub department: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// Reads the subject out of a record's values; a value that is no text counts as none.
    ///
    /// It borrows: a pass over all records allocates nothing.
    pub fn of(table: &Table, value: impl Fn(FieldId) -> Option<&'a Value>) -> Self {
        let text = |field: Option<FieldId>| match value(field?)? {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        Self { owner: text(table.owner), department: text(table.department) }
    }
}

/// One access rule with its classes as bits.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) id: RuleId,
    pub(super) reason: String,
    pub(super) role: String,
    pub(super) table: TableName,
    pub(super) relation: Relation,
    pub(super) read: ClassSet,
    pub(super) mask: ClassSet,
    pub(super) write: ClassSet,
    pub(super) deny: ClassSet,
    pub(super) create: bool,
}

impl CompiledRule {
    fn compile(rule: &AccessRule, classes: &[String]) -> Self {
        let set = |names: &[String]| {
            names.iter().filter_map(|name| class_number(classes, name)).fold(ClassSet::default(), ClassSet::with)
        };
        Self {
            id: RuleId::new(&rule.id),
            reason: rule.reason.clone(),
            role: rule.role.clone(),
            table: rule.table.clone(),
            relation: rule.relation,
            read: set(&rule.read),
            mask: set(&rule.mask),
            write: set(&rule.write),
            deny: set(&rule.deny),
            create: rule.create,
        }
    }
}

/// The bit of a class; `None` for a class that is not in the policy.
pub(super) fn class_number(classes: &[String], name: &str) -> Option<usize> {
    classes.iter().take(CLASSES_MAX).position(|class| class == name)
}

/// The compiled policy. It is shared between threads and never changes; a new configuration makes a new one.
#[derive(Debug)]
pub struct Decider {
    pub(super) classes: Arc<[String]>,
    pub(super) rules: Arc<[CompiledRule]>,
    people: HashMap<String, Person>,
    viewpoints: RwLock<HashMap<TableName, HashMap<Actor, Arc<Viewpoint>>>>,
}

impl Decider {
    /// Compiles a policy. `config` has refused unknown names before; a rule for a table that is not in `tables`
    /// is left out, and an unknown class in a rule allows nothing.
    pub fn compile(policy: &Policy, tables: &[Table]) -> Self {
        let rules = policy
            .rules
            .iter()
            .filter(|rule| tables.iter().any(|table| table.name == rule.table))
            .map(|rule| CompiledRule::compile(rule, &policy.classes))
            .collect();
        let people = policy.people.iter().map(|person| (person.email.to_lowercase(), person.clone())).collect();
        let classes = policy.classes.iter().cloned().collect();
        Self { classes, rules, people, viewpoints: RwLock::default() }
    }

    /// Decides what an actor may do with a record: the one function that does.
    ///
    /// For an edit the subject is the record as it is stored, also where the edit gives the record to another
    /// owner or department; for a new record it is the new row.
    pub fn rights(&self, actor: &Actor, table: &Table, subject: &Subject<'_>) -> Rights {
        self.viewpoint(actor, table).rights(subject)
    }

    /// An actor's rights in a table, for a pass over many of its records: [`Viewpoint::rights`] then answers
    /// without a look-up of the actor.
    pub fn viewpoint(&self, actor: &Actor, table: &Table) -> Arc<Viewpoint> {
        let known = self.viewpoints.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(viewpoint) = known.get(&table.name).and_then(|actors| actors.get(actor)) {
            return Arc::clone(viewpoint);
        }
        drop(known);

        let viewpoint = Arc::new(Viewpoint::new(self, actor, &table.name));
        let mut known = self.viewpoints.write().unwrap_or_else(PoisonError::into_inner);
        if known.values().map(HashMap::len).sum::<usize>() >= VIEWPOINTS_MAX {
            known.clear();
        }
        known.entry(table.name.clone()).or_default().insert(actor.clone(), Arc::clone(&viewpoint));
        viewpoint
    }

    /// Whether somebody sees something of one class in a record of which she does not see all of another: where a plugin makes the one of the other, she
    /// may learn of it.
    ///
    /// It looks at each person and each role, with records of her own and of others, in her department, below it and elsewhere.
    pub fn tells_more(&self, table: &Table, shown: &str, hidden: &str) -> bool {
        let roles = self.rules.iter().map(|rule| Actor::Role { role: rule.role.clone(), department: None });
        let people = self.people.keys().cloned().map(Actor::Person);
        roles.chain(people).any(|actor| {
            let viewpoint = self.viewpoint(&actor, table);
            let (email, own) = (viewpoint.standing.email.as_deref(), viewpoint.standing.department.as_deref());
            let below = own.map(|own| format!("{own}/below"));
            let departments = [own, below.as_deref(), None];
            let mut subjects =
                [email, None].into_iter().flat_map(|owner| departments.map(|department| (owner, department)));
            subjects.any(|(owner, department)| {
                let rights = viewpoint.rights(&Subject { owner, department });
                rights.sight(shown) != Sight::Hidden && rights.sight(hidden) != Sight::Clear
            })
        })
    }

    /// Who the actor is to the rules.
    pub(super) fn standing(&self, actor: &Actor) -> Standing {
        match actor {
            Actor::Person(email) => {
                let email = email.to_lowercase();
                match self.people.get(&email) {
                    Some(person) => Standing {
                        roles: person.roles.clone(),
                        department: person.department.clone(),
                        email: Some(email),
                    },
                    None => Standing::default(),
                }
            }
            Actor::Role { role, department } => {
                Standing { email: None, roles: vec![role.clone()], department: department.clone() }
            }
            Actor::Steward | Actor::Daybook => Standing::default(),
        }
    }
}

/// Who an actor is to the rules. A person has all her roles, in her one department; a post has no e-mail, so
/// that it owns nothing.
#[derive(Debug, Default)]
pub(super) struct Standing {
    email: Option<String>,
    roles: Vec<String>,
    department: Option<String>,
}

impl Standing {
    /// Whether the actor holds a role.
    pub(super) fn holds(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// Which relations hold between the actor and a record.
    pub(super) fn relations(&self, subject: &Subject<'_>) -> Relations {
        let own = matches!((&self.email, subject.owner), (Some(email), Some(owner)) if same_email(email, owner));
        let (department, tree) = match (self.department.as_deref(), subject.department) {
            (Some(mine), Some(its)) if !mine.is_empty() => (mine == its, is_within(its, mine)),
            _ => (false, false),
        };
        Relations { own, department, tree }
    }
}

/// Whether two e-mail addresses are one, whatever their case.
fn same_email(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

/// Whether a department is another one or lies below it: `sales/east` is within `sales`, `salesx` is not.
fn is_within(department: &str, above: &str) -> bool {
    department.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The relations that hold between an actor and a record; `all` always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Relations {
    own: bool,
    department: bool,
    tree: bool,
}

impl Relations {
    /// How many sets there are.
    const COUNT: usize = 8;

    /// The set's number.
    fn number(self) -> usize {
        usize::from(self.own) | usize::from(self.department) << 1 | usize::from(self.tree) << 2
    }

    /// The set with a number.
    fn numbered(number: usize) -> Self {
        Self { own: number & 1 != 0, department: number & 2 != 0, tree: number & 4 != 0 }
    }

    /// Whether a relation is in the set.
    pub(super) fn contains(self, relation: Relation) -> bool {
        match relation {
            Relation::Own => self.own,
            Relation::Department => self.department,
            Relation::DepartmentTree => self.tree,
            Relation::All => true,
        }
    }
}

/// What one actor may do in one table, for every relation to a record.
#[derive(Debug)]
pub struct Viewpoint {
    standing: Standing,
    by_relations: [Rights; Relations::COUNT],
}

impl Viewpoint {
    fn new(decider: &Decider, actor: &Actor, table: &TableName) -> Self {
        let standing = decider.standing(actor);
        let by_relations = match actor {
            Actor::Steward => whole(&Rights::new(Grants::everything(decider))),
            Actor::Daybook => whole(&Rights::new(Grants::reading_everything(decider))),
            Actor::Person(_) | Actor::Role { .. } => std::array::from_fn(|number| {
                let relations = Relations::numbered(number);
                Rights::new(Grants::of_rules(decider, |rule| {
                    rule.table == *table && standing.holds(&rule.role) && relations.contains(rule.relation)
                }))
            }),
        };
        Self { standing, by_relations }
    }

    /// The most that the actor may see of a class, over any record. What is hidden here needs no column.
    pub fn best_sight(&self, class: &str) -> Sight {
        self.by_relations.iter().map(|rights| rights.sight(class)).max().unwrap_or(Sight::Hidden)
    }

    /// Whether there can be a record in which the actor may change a class.
    pub fn may_ever_write(&self, class: &str) -> bool {
        self.by_relations.iter().any(|rights| rights.may_write(class).is_ok())
    }

    /// Whether there can be a record that the actor may add.
    pub fn may_ever_create(&self) -> bool {
        self.by_relations.iter().any(|rights| rights.may_create().is_ok())
    }

    /// The rights over a record. It allocates nothing.
    pub fn rights(&self, subject: &Subject<'_>) -> Rights {
        self.by_relations[self.standing.relations(subject).number()].clone()
    }
}

/// The same rights whatever the relation.
fn whole(rights: &Rights) -> [Rights; Relations::COUNT] {
    std::array::from_fn(|_| rights.clone())
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::super::{Effect, Sight, Step, Why};
    use super::*;
    use crate::model::schema::{ConflictRule, Constraints, Field, FieldType, Title};

    /// A table with a key, an owner, a department and a phone of class `sensitive`.
    pub(in crate::access) fn customers() -> Table {
        let field = |id: u16, name: &str, class: &str| Field {
            id: FieldId(id),
            name: name.into(),
            field_type: FieldType::String,
            format: None,
            headers: Vec::new(),
            generate: None,
            constraints: Constraints::default(),
            class: class.into(),
            conflict: ConflictRule::Review,
            group: None,
            region: "CN".into(),
        };
        Table {
            name: "customers".into(),
            title: Title::default(),
            primary_key: vec![FieldId(0)],
            owner: Some(FieldId(1)),
            department: Some(FieldId(2)),
            fields: vec![
                field(0, "customer_id", "basic"),
                field(1, "owner", "basic"),
                field(2, "department", "basic"),
                field(3, "phone", "sensitive"),
            ],
        }
    }

    /// A rule of the role `sales` for the table of [`customers`].
    pub(in crate::access) fn rule(id: &str, relation: Relation) -> AccessRule {
        AccessRule {
            id: id.into(),
            role: "sales".into(),
            table: "customers".into(),
            relation,
            read: Vec::new(),
            mask: Vec::new(),
            write: Vec::new(),
            deny: Vec::new(),
            create: false,
            reason: format!("because of {id}"),
        }
    }

    /// An office with Li, who sells in `sales`, and these rules.
    pub(in crate::access) fn policy(rules: Vec<AccessRule>) -> Policy {
        Policy {
            classes: ["basic", "transaction", "service", "sensitive"].map(str::to_owned).to_vec(),
            departments: ["sales", "sales/east", "salesx", "finance"].map(str::to_owned).to_vec(),
            people: vec![Person {
                addresses: Vec::new(),
                email: "li.lei@example.com".into(),
                name: "李雷".into(),
                roles: vec!["sales".into(), "trainer".into()],
                department: Some("sales".into()),
            }],
            rules,
        }
    }

    /// Li.
    pub(in crate::access) fn li() -> Actor {
        Actor::Person("li.lei@example.com".into())
    }

    /// A list of owned names.
    pub(in crate::access) fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_department_covers_what_lies_below_it_and_no_namesake() {
        let cases = [
            ("sales", "sales", true),
            ("sales/east", "sales", true),
            ("sales/east/1", "sales", true),
            ("salesx", "sales", false),
            ("sales", "sales/east", false),
            ("finance", "sales", false),
        ];
        for (department, above, within) in cases {
            assert_eq!(is_within(department, above), within, "{department} within {above}");
        }
    }

    #[test]
    fn an_owner_is_known_by_her_address_whatever_its_case() {
        let mut own = rule("own", Relation::Own);
        own.read = names(&["basic"]);
        let decider = Decider::compile(&policy(vec![own]), &[customers()]);
        let sight = |actor: &Actor, owner: Option<&str>| {
            decider.rights(actor, &customers(), &Subject { owner, department: None }).sight("basic")
        };
        assert_eq!(sight(&li(), Some("Li.Lei@Example.COM")), Sight::Clear);
        assert_eq!(sight(&Actor::Person("LI.LEI@example.com".into()), Some("li.lei@example.com")), Sight::Clear);
        assert_eq!(sight(&li(), Some("han@example.com")), Sight::Hidden);
        assert_eq!(sight(&li(), None), Sight::Hidden);
        let post = Actor::Role { role: "sales".into(), department: Some("sales".into()) };
        assert_eq!(sight(&post, Some("li.lei@example.com")), Sight::Hidden, "a post owns nothing");
    }

    #[test]
    fn strangers_have_no_rights_and_the_steward_has_all() {
        let mut all = rule("all", Relation::All);
        all.write = names(&["basic"]);
        all.create = true;
        let decider = Decider::compile(&policy(vec![all]), &[customers()]);
        let rights = |actor: &Actor| decider.rights(actor, &customers(), &Subject::default());

        for stranger in
            [Actor::Person("nobody@example.com".into()), Actor::Role { role: "boss".into(), department: None }]
        {
            assert!(!rights(&stranger).any());
            assert!(rights(&stranger).may_create().is_err());
        }
        assert_eq!(rights(&Actor::Steward).sight("no such class"), Sight::Clear);
        assert!(rights(&Actor::Steward).may_write("sensitive").is_ok());
        assert!(rights(&Actor::Steward).may_create().is_ok());
        assert_eq!(rights(&Actor::Daybook).sight("sensitive"), Sight::Clear);
        assert!(rights(&Actor::Daybook).may_write("basic").is_err());
        assert!(rights(&Actor::Daybook).may_create().is_err());
        assert_eq!(rights(&li()).sight("no such class"), Sight::Hidden);
        assert!(rights(&li()).may_write("no such class").is_err());
    }

    #[test]
    fn one_class_tells_more_of_another_where_anybody_sees_the_one_without_the_other() {
        let tells = |rules: Vec<AccessRule>, shown: &str, hidden: &str| {
            Decider::compile(&policy(rules), &[customers()]).tells_more(&customers(), shown, hidden)
        };
        let all = |classes: &[&str]| AccessRule { read: names(classes), ..rule("all", Relation::All) };
        assert!(tells(vec![all(&["service"])], "service", "transaction"));
        assert!(!tells(vec![all(&["service"])], "transaction", "service"), "nobody sees it");
        assert!(!tells(vec![all(&["service", "transaction"])], "service", "transaction"));
        assert!(!tells(Vec::new(), "service", "transaction"));
        let masked = AccessRule { mask: names(&["transaction"]), ..all(&["service"]) };
        assert!(tells(vec![masked], "service", "transaction"), "a mask is not all");
        // What is seen of some records only is told by the others.
        for relation in [Relation::Own, Relation::Department, Relation::DepartmentTree] {
            let some = |classes: &[&str]| AccessRule { read: names(classes), ..rule("some", relation) };
            assert!(tells(vec![some(&["transaction"]), all(&["service"])], "service", "transaction"), "{relation:?}");
            assert!(!tells(vec![some(&["service"]), all(&["transaction"])], "service", "transaction"), "{relation:?}");
            assert!(!tells(vec![some(&["service", "transaction"])], "service", "transaction"), "{relation:?}");
        }
    }

    #[test]
    fn a_class_without_a_bit_is_not_allowed() {
        let mut all = rule("all", Relation::All);
        all.read = names(&["last"]);
        let mut policy = policy(vec![all]);
        policy.classes = (0..CLASSES_MAX).map(|number| format!("c{number}")).chain(["last".to_owned()]).collect();
        let decider = Decider::compile(&policy, &[customers()]);
        assert_eq!(decider.rights(&li(), &customers(), &Subject::default()).sight("last"), Sight::Hidden);
    }

    #[test]
    fn rights_that_were_asked_for_before_are_the_same() {
        let mut tree = rule("tree", Relation::DepartmentTree);
        tree.read = names(&["basic"]);
        let decider = Decider::compile(&policy(vec![tree]), &[customers()]);
        let subject = Subject { owner: None, department: Some("sales/east") };
        let first = decider.viewpoint(&li(), &customers());
        let again = decider.viewpoint(&li(), &customers());
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(again.rights(&subject).sight("basic"), Sight::Clear);
    }

    /// What the reference says of a class: the first rule in the configuration's order, by the letter of the rules.
    fn naively<'a>(
        policy: &'a Policy,
        actor: &Actor,
        subject: &Subject<'_>,
        class: &str,
    ) -> (Sight, Result<&'a str, Option<&'a str>>) {
        let (email, roles, department) = match actor {
            Actor::Person(email) => {
                let person = policy.people.iter().find(|person| person.email == *email).unwrap();
                (Some(email.clone()), person.roles.clone(), person.department.clone())
            }
            Actor::Role { role, department } => (None, vec![role.clone()], department.clone()),
            Actor::Steward | Actor::Daybook => unreachable!("not asked here"),
        };
        let relation_holds = |relation| match relation {
            Relation::All => true,
            Relation::Own => email.is_some() && subject.owner.map(str::to_lowercase) == email,
            Relation::Department => department.is_some() && subject.department == department.as_deref(),
            Relation::DepartmentTree => match (&department, subject.department) {
                (Some(mine), Some(its)) => its == mine || its.starts_with(&format!("{mine}/")),
                _ => false,
            },
        };
        let first = |listed: &dyn Fn(&AccessRule) -> bool| {
            policy
                .rules
                .iter()
                .find(|rule| roles.contains(&rule.role) && relation_holds(rule.relation) && listed(rule))
                .map(|rule| rule.id.as_str())
        };
        let has = |list: &[String]| list.iter().any(|name| name == class);
        let denied = first(&|rule| has(&rule.deny));
        let (write, read, mask) =
            (first(&|rule| has(&rule.write)), first(&|rule| has(&rule.read)), first(&|rule| has(&rule.mask)));
        let sight = match (denied, write.or(read), mask) {
            (Some(_), _, _) | (None, None, None) => Sight::Hidden,
            (None, Some(_), _) => Sight::Clear,
            (None, None, Some(_)) => Sight::Masked,
        };
        let may_write = match (denied, write) {
            (None, Some(rule)) => Ok(rule),
            (None, None) => Err(read.or(mask)),
            (denied, _) => Err(denied),
        };
        (sight, may_write)
    }

    /// Every pair of rules out of role × relation × effect, against every actor and record of a small office.
    #[test]
    fn every_small_policy_decides_as_the_letter_of_the_rules_says() {
        let mut single = Vec::new();
        for role in ["sales", "trainer", "finance"] {
            for relation in [Relation::Own, Relation::Department, Relation::DepartmentTree, Relation::All] {
                for effect in ["read", "mask", "write", "deny", "read+deny", "none"] {
                    let mut one = rule(&format!("{role}-{relation:?}-{effect}"), relation);
                    one.role = role.to_owned();
                    match effect {
                        "read" => one.read = names(&["basic"]),
                        "mask" => one.mask = names(&["basic"]),
                        "write" => one.write = names(&["basic"]),
                        "deny" => one.deny = names(&["basic"]),
                        "read+deny" => (one.read, one.deny) = (names(&["basic"]), names(&["basic"])),
                        _ => one.read = names(&["service"]),
                    }
                    one.create = effect == "write";
                    single.push(one);
                }
            }
        }
        let actors = [
            li(),
            Actor::Role { role: "sales".into(), department: Some("sales/east".into()) },
            Actor::Role { role: "finance".into(), department: None },
        ];
        let mut subjects = Vec::new();
        for owner in [None, Some("Li.Lei@example.com"), Some("han@example.com")] {
            for department in [None, Some("sales"), Some("sales/east"), Some("salesx")] {
                subjects.push(Subject { owner, department });
            }
        }
        let tables = [customers()];
        let mut asked = 0;
        for first in &single {
            for second in &single {
                let mut rules = vec![first.clone(), second.clone()];
                rules[1].id.push_str("-second");
                let policy = policy(rules);
                let decider = Decider::compile(&policy, &tables);
                for actor in &actors {
                    for subject in &subjects {
                        let rights = decider.rights(actor, &tables[0], subject);
                        for class in ["basic", "service"] {
                            let (sight, may_write) = naively(&policy, actor, subject, class);
                            let context = || format!("{first:?} {second:?} {actor} {subject:?} {class}");
                            assert_eq!(rights.sight(class), sight, "{}", context());
                            let answer = rights.may_write(class);
                            let answer = match &answer {
                                Ok(rule) => Ok(rule.as_str()),
                                Err(refusal) => Err(refusal.rule.as_ref().map(RuleId::as_str)),
                            };
                            assert_eq!(answer, may_write, "{}", context());
                            asked += 1;
                        }
                        assert_eq!(
                            explained(&decider.explain(actor, &tables[0], subject, "basic")),
                            rights.sight("basic")
                        );
                        let creates = policy.rules.iter().any(|rule| {
                            rule.create && naively(&policy_of(&policy, rule), actor, subject, "basic").1.is_ok()
                        });
                        assert_eq!(rights.may_create().is_ok(), creates);
                    }
                }
            }
        }
        assert_eq!(asked, 72 * 72 * 3 * 12 * 2);
    }

    /// The sight that an explanation amounts to: that of the strongest effect, which the deciding step has.
    fn explained(steps: &[Step]) -> Sight {
        let says = |effect| steps.iter().any(|step| step.why == Why::Applies(effect));
        let strongest = [Effect::Deny, Effect::Write, Effect::Read, Effect::Mask].into_iter().find(|one| says(*one));
        let deciding: Vec<Why> = steps.iter().filter(|step| step.decides).map(|step| step.why).collect();
        assert_eq!(deciding, strongest.map(Why::Applies).into_iter().collect::<Vec<_>>());
        match strongest {
            None | Some(Effect::Deny) => Sight::Hidden,
            Some(Effect::Write | Effect::Read) => Sight::Clear,
            Some(Effect::Mask) => Sight::Masked,
        }
    }

    /// The policy with this one rule.
    fn policy_of(policy: &Policy, rule: &AccessRule) -> Policy {
        Policy { rules: vec![rule.clone()], ..policy.clone() }
    }
}
