//! Checks the numbers of citizens (公民身份号码, GB 11643-1999): characters, check digit, region, and a day of birth that the
//! calendar has and that isn't to come; and against the fields with day of birth and sex, if the settings name them.
//!
//! Settings: `field`, the field with the number, `id_number` if it isn't given; `birth_date` and `sex`, the fields to compare it with.
//! No message repeats anything of a number.

use cn_numbers::citizen::{Citizen, Fault, read};
use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// Nobody is older than so many years.
const AGE_MAX: u16 = 130;

/// What stands in `settings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "id_number")]
    field: String,
    birth_date: Option<String>,
    sex: Option<String>,
}

fn id_number() -> String {
    "id_number".to_owned()
}

/// The rule.
#[derive(Debug)]
pub struct CnId {
    number: Column,
    birth_date: Option<Column>,
    sex: Option<Column>,
    context: Context,
}

impl Plugin for CnId {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!().reads(&["id_number", "birth_date", "sex"]).settings_schema(
        r#"{"type":"object","properties":{"field":{"type":"string","default":"id_number"},"birth_date":{"type":"string"},"sex":{"type":"string"}}}"#,
    );

    fn new(settings: Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
        let optional = |name: Option<String>, kind| name.map(|name| schema.column_of(&name, kind)).transpose();
        Ok(Self {
            number: schema.column_of(&settings.field, Kind::Text)?,
            birth_date: optional(settings.birth_date, Kind::Date)?,
            sex: optional(settings.sex, Kind::Text)?,
            context,
        })
    }
}

impl Validator for CnId {
    fn validate(&self, row: Row<'_>, issues: &mut Issues) {
        let Some(number) = row.cell(self.number).text() else { return };
        match read(number) {
            Ok(citizen) => self.compare(citizen, row, issues),
            Err(fault) => {
                let (code, chinese, english) = words(fault);
                issues.error(self.number, code, self.context.say(chinese, english));
            }
        }
    }
}

impl CnId {
    fn compare(&self, citizen: Citizen, row: Row<'_>, issues: &mut Issues) {
        let today = self.context.as_of();
        let (year, month, day) = citizen.born;
        let born = Date::new(year, month, day).filter(|born| *born <= today && today.year() - born.year() <= AGE_MAX);
        let Some(born) = born else {
            let message = self.context.say(
                "第 7 至 14 位不是可能的出生日期，请对照身份证核对。",
                "Characters 7 to 14 are no possible day of birth. Compare them with the identity card.",
            );
            issues.error(self.number, "birth-date", message);
            return;
        };
        if let Some(column) = self.birth_date
            && row.cell(column).date().is_some_and(|written| written != born)
        {
            let message = self.context.say(
                "出生日期与身份证号码不一致，请核对两处。",
                "The day of birth is not the one in the identity number. Check both.",
            );
            issues.error(column, "birth-date-differs", message);
        }
        if let Some(column) = self.sex
            && row.cell(column).text().and_then(is_male).is_some_and(|written| written != citizen.is_male)
        {
            let message = self.context.say(
                "性别与身份证号码不一致，请核对两处。",
                "The sex is not the one in the identity number. Check both.",
            );
            issues.warning(column, "sex-differs", message);
        }
    }
}

/// What a person wrote of a sex; `None` if it says nothing.
fn is_male(written: &str) -> Option<bool> {
    match written {
        "男" | "男性" | "M" | "m" | "male" => Some(true),
        "女" | "女性" | "F" | "f" | "female" => Some(false),
        _ => None,
    }
}

const fn words(fault: Fault) -> (&'static str, &'static str, &'static str) {
    match fault {
        Fault::Length => (
            "length",
            "身份证号码应为 18 位，请对照身份证核对。",
            "An identity number has 18 characters. Compare it with the identity card.",
        ),
        Fault::Digits => (
            "digits",
            "身份证号码应为 17 位数字加校验位（数字或大写 X）。",
            "An identity number has 17 digits and a check digit, which may be a capital X.",
        ),
        Fault::CheckDigit => (
            "check-digit",
            "校验位不符，号码中至少有一位写错，请对照身份证核对。",
            "The check digit doesn't fit: at least one digit is wrong. Compare it with the identity card.",
        ),
        Fault::Region => (
            "region",
            "前两位不是省级行政区划码，请对照身份证核对。",
            "The first two digits stand for no province. Compare them with the identity card.",
        ),
    }
}

daybook_plugin_sdk::validator!(CnId);

#[cfg(test)]
mod tests {
    daybook_plugin_sdk::fixtures!(super::CnId: validate);
}
