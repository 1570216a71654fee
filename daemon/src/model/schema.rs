//! Tables and fields as the configuration defines them. Names follow Frictionless Table Schema.

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::{FieldId, TableName};

/// A title in the office's two languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// Simplified Chinese.
    pub zh_cn: Option<String>,
    /// English.
    pub en: Option<String>,
}

/// One kind of record that is kept.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name in the configuration.
    pub name: TableName,
    /// What people call it.
    pub title: Title,
    /// The fields that identify a record, in order; at least one.
    pub primary_key: Vec<FieldId>,
    /// The field that holds the e-mail of the person responsible.
    pub owner: Option<FieldId>,
    /// The field that holds the department.
    pub department: Option<FieldId>,
    /// The fields, in the configuration's order.
    pub fields: Vec<Field>,
}

impl Table {
    /// The field with this id, if the configuration still has it.
    pub fn field(&self, id: FieldId) -> Option<&Field> {
        // Ids follow the configuration's order unless fields were moved: look there first.
        self.fields
            .get(usize::from(id.0))
            .filter(|field| field.id == id)
            .or_else(|| self.fields.iter().find(|field| field.id == id))
    }

    /// The field with this name.
    pub fn field_named(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One field of a table.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its number, handed out by the store (before that: its position).
    pub id: FieldId,
    /// Its name in the configuration.
    pub name: CompactString,
    /// What kind of value it holds.
    pub field_type: FieldType,
    /// A narrower form of a text.
    pub format: Option<Format>,
    /// The two-letter default region of phone numbers: the office's country.
    pub region: CompactString,
    /// Column titles and mail labels that mean this field; the first is the one that Daybook writes.
    pub headers: Vec<String>,
    /// How Daybook numbers rows whose cell for it is empty.
    pub generate: Option<Generator>,
    /// What a value must keep to.
    pub constraints: Constraints,
    /// The class of information, by which access is decided.
    pub class: CompactString,
    /// Which rule settles two edits of the same value.
    pub conflict: ConflictRule,
    /// Fields with the same group win together.
    pub group: Option<CompactString>,
}

impl Field {
    /// The title that Daybook writes above a column of this field.
    pub fn title(&self) -> &str {
        self.headers.first().map_or(self.name.as_str(), String::as_str)
    }
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A decimal number.
    Number,
    /// Yes or no.
    Boolean,
    /// A calendar date.
    Date,
    /// A local date and time.
    DateTime,
    /// Several texts, without order.
    List,
}

/// A narrower form of a text. It decides when two texts mean the same, and which are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An e-mail address.
    Email,
    /// A telephone number; E.164 for comparison.
    Phone,
    /// An absolute URI.
    Uri,
    /// A UUID.
    Uuid,
    /// 统一社会信用代码, GB 32100-2015: 18 characters, the last a check character.
    Uscc,
    /// 公民身份号码, GB 11643-1999: 18 characters, the last a check character.
    CnId,
}

/// A template such as `C-{:06}`: a prefix, a number padded to a width, a suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generator {
    /// What stands before the number.
    pub prefix: String,
    /// The number is padded with zeros to this width.
    pub width: usize,
    /// What stands after the number.
    pub suffix: String,
}

impl Generator {
    /// The text for a number: `C-000042`.
    pub fn format(&self, number: u64) -> String {
        format!("{}{:0width$}{}", self.prefix, number, self.suffix, width = self.width)
    }

    /// The number of a text that this template could have made.
    pub fn number_of(&self, text: &str) -> Option<u64> {
        let digits = text.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str())?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    }
}

/// What a value must keep to; as in Frictionless Table Schema.
#[derive(Clone, Debug, Default)]
pub struct Constraints {
    /// A row without it is refused.
    pub required: bool,
    /// No two records may share it.
    pub unique: bool,
    /// The whole text must match.
    pub pattern: Option<regex::Regex>,
    /// The only values allowed; their order is the order of `furthest`.
    pub allowed: Vec<CompactString>,
    /// The smallest number or (as days) date.
    pub minimum: Option<Bound>,
    /// The largest number or date.
    pub maximum: Option<Bound>,
    /// The least number of characters.
    pub min_length: Option<usize>,
    /// The greatest number of characters.
    pub max_length: Option<usize>,
}

/// A bound of a number or a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// For integer and number fields.
    Number(Decimal),
    /// For date and datetime fields; a datetime is compared by its date.
    Date(jiff::civil::Date),
}

/// The rule that settles two edits of the same value. One file each in `merge/rules/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConflictRule {
    /// A person decides.
    Review,
    /// The later edit wins.
    Latest,
    /// The earlier edit wins.
    First,
    /// The source with the higher rank wins.
    SourceOrder,
    /// What is stored stays.
    KeepStored,
    /// The side whose row has more filled cells wins.
    MostComplete,
    /// The longer text wins.
    Longest,
    /// The smaller value wins.
    Minimum,
    /// The larger value wins.
    Maximum,
    /// A list keeps the items of both.
    Union,
    /// The value further along the enum wins.
    Furthest,
    /// A plugin decides; which one stands in its setup (`PluginSetup::resolves`).
    Plugin,
}
