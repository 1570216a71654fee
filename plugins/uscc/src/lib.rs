//! Checks unified social credit codes (统一社会信用代码, GB 32100-2015): length, characters, department, region and both
//! check digits.
//!
//! Settings: `field`, the field with the code; `tax_id` if it isn't given.

use cn_numbers::uscc::{Fault, check};
use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// What stands in `settings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "tax_id")]
    field: String,
}

fn tax_id() -> String {
    "tax_id".to_owned()
}

/// The rule.
#[derive(Debug)]
pub struct Uscc {
    code: Column,
    context: Context,
}

impl Plugin for Uscc {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!()
        .reads(&["tax_id"])
        .settings_schema(r#"{"type":"object","properties":{"field":{"type":"string","default":"tax_id"}}}"#);

    fn new(settings: Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
        Ok(Self { code: schema.column_of(&settings.field, Kind::Text)?, context })
    }
}

impl Validator for Uscc {
    fn validate(&self, row: Row<'_>, issues: &mut Issues) {
        let Some(code) = row.cell(self.code).text() else { return };
        let Err(fault) = check(code) else { return };
        let (name, message) = self.words(fault);
        if fault == Fault::OrganisationCode {
            // Codes of that kind were given out, so a person only looks at it.
            issues.warning(self.code, name, message);
        } else {
            issues.error(self.code, name, message);
        }
    }
}

impl Uscc {
    fn words(&self, fault: Fault) -> (&'static str, String) {
        let say = |chinese: &str, english: &str| self.context.say(chinese, english).to_owned();
        match fault {
            Fault::Length => (
                "length",
                say("统一社会信用代码应为 18 位，请对照营业执照核对。", "A unified social credit code has 18 characters. Compare it with the business licence."),
            ),
            Fault::Character(at) => (
                "character",
                self.context.say(
                    format!("第 {at} 位不是统一社会信用代码可用的字符（大写字母和数字，不含 I、O、S、V、Z）。"),
                    format!("Character {at} is none that a unified social credit code may have: capitals without I, O, S, V and Z, and digits."),
                ),
            ),
            Fault::Department => (
                "department",
                say("第 1 位不是登记管理部门代码，请对照营业执照核对。", "The first character stands for no registering department. Compare it with the business licence."),
            ),
            Fault::Region => (
                "region",
                say("第 3 至 8 位不是行政区划码，请对照营业执照核对。", "Characters 3 to 8 are no administrative code. Compare them with the business licence."),
            ),
            Fault::CheckDigit => (
                "check-digit",
                say("校验位不符，代码中至少有一位写错，请对照营业执照核对。", "The check digit doesn't fit: at least one character is wrong. Compare it with the business licence."),
            ),
            Fault::OrganisationCode => (
                "organisation-code",
                say("第 9 至 17 位的组织机构代码校验位不符，请核对。", "The check digit of the organisation code (characters 9 to 17) doesn't fit. Compare it with the business licence."),
            ),
        }
    }
}

daybook_plugin_sdk::validator!(Uscc);

#[cfg(test)]
mod tests {
    daybook_plugin_sdk::fixtures!(super::Uscc: validate);
}
