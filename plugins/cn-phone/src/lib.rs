//! Brings telephone numbers into E.164 with the extension of RFC 3966 (`+861065529988;ext=801`): mobile numbers, fixed lines (座机) with
//! their area code (区号), service numbers, and numbers abroad with their country code. What it can't read it leaves as it is, and tells.
//!
//! Settings: `fields`, the fields with numbers, `["phone"]` if it isn't given; `area_code`, the office's own, like `"0755"`, for fixed lines
//! that are written without one; `extension`, what is put between number and extension, `";ext="` if it isn't given.

use cn_numbers::phone::{Reading, is_area, read};
use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// What stands in `settings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "phone")]
    fields: Vec<String>,
    area_code: Option<String>,
    #[serde(default = "extension")]
    extension: String,
}

fn phone() -> Vec<String> {
    vec!["phone".to_owned()]
}

fn extension() -> String {
    ";ext=".to_owned()
}

/// The rule.
#[derive(Debug)]
pub struct CnPhone {
    phones: Vec<Column>,
    area: Option<String>,
    extension: String,
    context: Context,
}

impl Plugin for CnPhone {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!().reads(&["phone"]).writes(&["phone"]).settings_schema(
        r#"{"type":"object","properties":{"fields":{"type":"array","items":{"type":"string"},"default":["phone"]},"area_code":{"type":"string"},"extension":{"type":"string","default":";ext="}}}"#,
    );

    fn new(settings: Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
        let phones = settings.fields.iter().map(|field| schema.column_of(field, Kind::Text));
        Ok(Self {
            phones: phones.collect::<Result<_, _>>()?,
            area: settings.area_code.map(|area| trunk(&area).to_owned()),
            extension: settings.extension,
            context,
        })
    }

    fn check(settings: &Settings) -> Result<(), String> {
        match &settings.area_code {
            Some(area) if !is_area(trunk(area)) => {
                Err(format!("`area_code`: `{area}` is no area code of the mainland, like `0755`"))
            }
            _ if settings.fields.is_empty() => Err("`fields` names no field".to_owned()),
            _ => Ok(()),
        }
    }
}

/// An area code without the zero that is dialled before it.
fn trunk(area: &str) -> &str {
    area.strip_prefix('0').unwrap_or(area)
}

impl Normaliser for CnPhone {
    fn normalise(&self, row: Row<'_>, changes: &mut Changes<'_>) {
        for phone in &self.phones {
            let Some(written) = row.cell(*phone).text() else { continue };
            if let Reading::Number(number) = read(written, self.area.as_deref()) {
                let number = number.replace(";ext=", &self.extension);
                changes.set(*phone, number, self.context.say("统一为国际格式。", "In the international form."));
            }
        }
    }
}

impl Validator for CnPhone {
    fn validate(&self, row: Row<'_>, issues: &mut Issues) {
        for phone in &self.phones {
            let Some(written) = row.cell(*phone).text() else { continue };
            match read(written, self.area.as_deref()) {
                Reading::Number(_) => {}
                Reading::Local => {
                    let message = self
                        .context
                        .say("座机缺少区号，请补上，例如 0755-…。", "The area code is missing, like 0755-….");
                    issues.warning(*phone, "no-area-code", message);
                }
                Reading::None => {
                    let message = self.context.say(
                        "不是一个可识别的电话号码。每格只写一个号码，座机带区号，境外号码带国家代码。",
                        "This is no telephone number that can be told. Write one in a cell, a fixed line with its area code, a number abroad with its country code.",
                    );
                    issues.warning(*phone, "not-a-number", message);
                }
            }
        }
    }
}

daybook_plugin_sdk::plugin!(CnPhone: normalise, validate);

#[cfg(test)]
mod tests {
    daybook_plugin_sdk::fixtures!(super::CnPhone: normalise, validate);
}
