//! The customers of the demo: made up, the same at every run.
//!
//! Names are put together from words that say "example" in one of the two languages. Telephone numbers of the English ones
//! are from ranges that are kept for fiction (Ofcom's 020 7946 0xxx); the Chinese ones are told as made up by their run of zeros.
//! All mail addresses are at example.com (RFC 2606).

use jiff::ToSpan;
use jiff::civil::{self, Date};

/// How many there are.
pub(super) const COUNT: u32 = 200;
/// The first day that somebody is to be visited.
const FIRST_VISIT: Date = civil::date(2026, 3, 2);

const ZH_WORDS: [&str; 5] = ["示例", "样例", "范例", "假想", "虚构"];
const ZH_MARKS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];
const ZH_TRADES: [&str; 7] =
    ["贸易有限公司", "食品有限公司", "纸业有限公司", "机械有限公司", "纺织有限公司", "物流有限公司", "文具商行"];
const EN_WORDS: [&str; 5] = ["Sample", "Example", "Placeholder", "Imaginary", "Fictional"];
const EN_MARKS: [&str; 10] = ["Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "Iota", "Kappa"];
const EN_TRADES: [&str; 7] =
    ["Trading Ltd", "Foods Ltd", "Paper Co.", "Machines Ltd", "Textiles Ltd", "Logistics Ltd", "Stationers"];
const OWNERS: [&str; 3] = ["li.lei@example.com", "lucy@example.com", "jim@example.com"];
/// The stages, as the configuration has them.
pub(super) const STAGES: [&str; 3] = ["线索 Lead", "报价 Offer", "签约 Signed"];

/// One customer, as the workbooks have her at the beginning of the day.
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) phone: String,
    pub(super) email: String,
    pub(super) stage: &'static str,
    pub(super) next_visit: Date,
    pub(super) owner: &'static str,
    pub(super) note: &'static str,
    /// What the bookkeeping program knows of her: credit limit and days for payment; nothing of leads.
    pub(super) terms: Option<(u32, u32)>,
}

/// All customers, by number.
pub(super) fn all() -> Vec<Customer> {
    (1..=COUNT).map(customer).collect()
}

/// The key of a customer's number: `C-000042`.
pub(super) fn key(number: u32) -> String {
    format!("C-{number:06}")
}

fn customer(number: u32) -> Customer {
    let index = usize::try_from(number).unwrap_or(0);
    let chinese = number % 2 == 1;
    let nth = index / 2;
    let pick = |words: &[&'static str], at: usize| words[at % words.len()];
    // Five words times ten marks, and a trade that moves on when they are used up: no two names are the same.
    let parts = (nth % 5, nth / 5 % 10, nth + nth / 50);
    let (name, address, phone) = if chinese {
        let name = format!("{}{}{}", ZH_WORDS[parts.0], ZH_MARKS[parts.1], pick(&ZH_TRADES, parts.2));
        let phone = format!("190 0000 {:04}", 1000 + number);
        (name, format!("示例市样例路 {} 号", 10 + number % 90), phone)
    } else {
        let name = format!("{} {} {}", EN_WORDS[parts.0], EN_MARKS[parts.1], pick(&EN_TRADES, parts.2));
        let phone = format!("+44 20 7946 0{number:03}");
        (name, format!("{} Example Road, Sampletown", 10 + number % 90), phone)
    };
    let stage = STAGES[index / 3 % 3];
    Customer {
        id: key(number),
        name,
        address,
        phone,
        email: format!("office{number:03}@example.com"),
        stage,
        next_visit: FIRST_VISIT.checked_add(i64::from(number * 7 % 90).days()).unwrap_or(FIRST_VISIT),
        owner: OWNERS[index % 3],
        note: match (number % 9, chinese) {
            (3, true) => "喜欢上午通话",
            (4, false) => "Prefers mail to calls",
            (5, true) => "订单都在月底",
            (6, false) => "Asks for samples first",
            _ => "",
        },
        terms: (stage != STAGES[0]).then_some((10_000 + number * 7 % 40 * 2_500, [15, 30, 45, 60][index / 2 % 4])),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn customers_are_told_apart_by_name_and_telephone() {
        let all = all();
        let names: HashSet<&str> = all.iter().map(|customer| customer.name.as_str()).collect();
        let phones: HashSet<&str> = all.iter().map(|customer| customer.phone.as_str()).collect();
        assert_eq!((names.len(), phones.len()), (all.len(), all.len()));
    }
}
