//! Ordinary rules of an office over twelve columns, as an example of a whole set of them: what each record must have, the form of addresses
//! and numbers, the order of dates, limits of amounts. It is also what Daybook's benchmark runs, natively and as a plugin.
//!
//! The columns are `customer_id`, `name`, `contact`, `email`, `phone`, `tax_id`, `city`, `stage`, `amount`, `discount`, `signed` and
//! `expires`. Settings: `stages`, what `stage` may be; `amount_max`, above which an amount is unusual; both may be left out.

use cn_numbers::{phone, uscc};
use daybook_plugin_sdk::prelude::*;
use serde::Deserialize;

/// What stands in `settings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "stages")]
    stages: Vec<String>,
    #[serde(default = "amount_max")]
    amount_max: Decimal,
}

fn stages() -> Vec<String> {
    ["lead", "offer", "signed", "lost"].map(str::to_owned).to_vec()
}

fn amount_max() -> Decimal {
    Decimal::from(10_000_000)
}

/// The rule.
#[derive(Debug)]
pub struct OfficeRules {
    required: [Column; 3],
    email: Column,
    phone: Column,
    tax_id: Column,
    stage: Column,
    amount: Column,
    discount: Column,
    signed: Column,
    expires: Column,
    settings: Settings,
    context: Context,
}

impl Plugin for OfficeRules {
    type Settings = Settings;
    const MANIFEST: Manifest = manifest!()
        .reads(&[
            "customer_id", "name", "contact", "email", "phone", "tax_id", "city", "stage", "amount", "discount", "signed", "expires",
        ])
        .settings_schema(
            r#"{"type":"object","properties":{"stages":{"type":"array","items":{"type":"string"}},"amount_max":{"type":"number"}}}"#,
        );

    fn new(settings: Settings, schema: Schema<'_>, context: Context) -> Result<Self, Failure> {
        let text = |name| schema.column_of(name, Kind::Text);
        Ok(Self {
            required: [text("customer_id")?, text("name")?, text("city")?],
            email: text("email")?,
            phone: text("phone")?,
            tax_id: text("tax_id")?,
            stage: text("stage")?,
            amount: schema.column_of("amount", Kind::Decimal)?,
            discount: schema.column_of("discount", Kind::Decimal)?,
            signed: schema.column_of("signed", Kind::Date)?,
            expires: schema.column_of("expires", Kind::Date)?,
            settings,
            context,
        })
    }

    fn check(settings: &Settings) -> Result<(), String> {
        if settings.amount_max.is_negative() { Err("`amount_max` is below zero".to_owned()) } else { Ok(()) }
    }
}

impl Validator for OfficeRules {
    fn validate(&self, row: Row<'_>, issues: &mut Issues) {
        for column in self.required {
            if row.cell(column).is_empty() {
                issues.error(column, "required", self.context.say("此项必填。", "This has to be filled in."));
            }
        }
        if row.cell(self.email).text().is_some_and(|email| !is_email(email)) {
            issues.error(self.email, "email", self.context.say("不是电子邮箱地址。", "This is no e-mail address."));
        }
        if row.cell(self.phone).text().is_some_and(|number| !is_phone(number)) {
            issues.warning(self.phone, "phone", self.context.say("不是电话号码。", "This is no telephone number."));
        }
        if row.cell(self.tax_id).text().is_some_and(|code| uscc::check(code).is_err()) {
            let message = self.context.say(
                "统一社会信用代码有误，请对照营业执照核对。",
                "The unified social credit code is wrong. Compare it with the business licence.",
            );
            issues.error(self.tax_id, "tax-id", message);
        }
        if row.cell(self.stage).text().is_some_and(|stage| !self.settings.stages.iter().any(|own| own == stage)) {
            let stages = self.settings.stages.join(self.context.say("、", ", "));
            let message =
                self.context.say(format!("阶段只能是：{stages}。"), format!("The stage has to be one of {stages}."));
            issues.error(self.stage, "stage", message);
        }
        self.check_amounts(row, issues);
        self.check_dates(row, issues);
    }
}

impl OfficeRules {
    fn check_amounts(&self, row: Row<'_>, issues: &mut Issues) {
        if let Some(amount) = row.cell(self.amount).decimal() {
            if amount.is_negative() {
                issues.error(
                    self.amount,
                    "negative",
                    self.context.say("金额不能为负数。", "An amount can't be below zero."),
                );
            } else if amount > self.settings.amount_max {
                issues.warning(
                    self.amount,
                    "unusual",
                    self.context.say("金额异常大，请核对。", "The amount is unusually large. Check it."),
                );
            }
        }
        let discount = row.cell(self.discount).decimal();
        if discount.is_some_and(|discount| discount.is_negative() || discount > Decimal::from(100)) {
            issues.error(
                self.discount,
                "discount",
                self.context.say("折扣应在 0 到 100 之间。", "A discount is from 0 to 100 percent."),
            );
        }
    }

    fn check_dates(&self, row: Row<'_>, issues: &mut Issues) {
        let (signed, expires) = (row.cell(self.signed).date(), row.cell(self.expires).date());
        if let (Some(signed), Some(expires)) = (signed, expires)
            && expires < signed
        {
            issues.error(
                self.expires,
                "order",
                self.context.say("到期日早于签约日。", "It expires before it was signed."),
            );
        }
        if signed.is_some_and(|signed| signed > self.context.as_of()) {
            issues.warning(
                self.signed,
                "future",
                self.context.say("签约日在将来。", "The day of signing is still to come."),
            );
        }
        if signed.is_none() && row.cell(self.stage).text() == Some("signed") {
            issues.error(
                self.signed,
                "no-date",
                self.context.say("已签约的客户须填签约日。", "A customer who has signed needs the day."),
            );
        }
    }
}

/// A name, one `@`, and a domain with a point within it.
fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    let sound = !name.is_empty() && !text.contains(char::is_whitespace) && !domain.contains('@');
    sound && domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty())
}

fn is_phone(text: &str) -> bool {
    matches!(phone::read(text, None), phone::Reading::Number(_) | phone::Reading::Local)
}

daybook_plugin_sdk::validator!(OfficeRules);

#[cfg(test)]
mod tests {
    daybook_plugin_sdk::fixtures!(super::OfficeRules: validate);
}
