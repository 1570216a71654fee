//! Whole mails, from bytes to rows: a first few cases. `tests/golden/mail/` has the others.

use super::{Class, Mailbox, read, sample};
use crate::codec::mime::{self, MimeLimits};
use crate::model::TableName;

/// What a mail says: its rows, its command and the codes of what was not taken; or why it is refused.
fn says(raw: &[u8]) -> String {
    let limits = MimeLimits::default();
    let mail = match mime::read(raw, &limits) {
        Ok(mail) => mail,
        Err(fault) => return format!("!{}", fault.code()),
    };
    let tables = [sample::customers(), sample::complaints()];
    let own = TableName::new("customers");
    let mailbox = Mailbox { address: "capture@example.com", table: &own };
    let reading = match read(&mail, &tables, &mailbox, false, &limits) {
        Ok(reading) => reading,
        Err(refusal) => return format!("!{}", refusal.problem.code),
    };
    let table = tables.iter().find(|table| table.name == reading.table);
    let mut parts = Vec::new();
    for row in &reading.rows {
        let name = |id| table.and_then(|table| table.field(id)).map_or("", |field| field.name.as_str());
        let cells = row.row.cells.iter().map(|(id, cell)| format!("{}={cell}", name(*id)));
        parts.push(cells.collect::<Vec<_>>().join(" "));
    }
    parts.extend(reading.command.iter().map(|command| format!("{command:?}")));
    parts.extend(reading.not_understood().map(|(_, problem)| format!("?{}", problem.code)));
    parts.extend(reading.problems.iter().map(|problem| format!("*{}", problem.problem.code)));
    let updates = reading.lines.iter().filter(|line| line.class == Class::Update).count();
    assert!(updates > 0 || reading.rows.is_empty(), "a row without a line");
    parts.join(" / ")
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let head =
        "From: wang.fang@example.com\r\nTo: capture@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
    assert_eq!(says(format!("{head}{body}").as_bytes()), expected, "{body}");
}

#[test]
fn replies_signatures_and_records() {
    check(
        "你好，请更新：\n客户编号：C-000001\n电话：13800138000\n\n谢谢！\n王芳\n电话：021-55550100\n",
        "customer_id=C-000001 phone=13800138000",
    );
    check(
        "客户编号：C-000001\n电话：13800138000\n\n王芳\n手机：13900139000\n",
        "customer_id=C-000001 phone=13800138000 / ?label-after-text",
    );
    check(
        "客户编号：C-000001\n阶段：签约\n\nOn Nov 28, 2026, at 9:00, Li wrote:\n> 客户编号：C-000001\n> 阶段：潜在\n",
        "customer_id=C-000001 stage=签约",
    );
    check(
        "客户编号：C-000001\n阶段：签约\n\n客户编号：C-000002\n阶段：报价\n",
        "customer_id=C-000001 stage=签约 / customer_id=C-000002 stage=报价",
    );
    check(
        "客户编号：C-000001\n阶段：签约\n阶段：报价\n邮箱：a@example.com\n",
        "customer_id=C-000001 email=a@example.com / ?said-twice / ?said-twice",
    );
    check("您好，见附件。\n\n王芳\n电话：021-55550100\n", "?no-key");
    check(
        "客户编号：C-000001\n地址：\n上海市浦东新区\n示例路1号\n\n请尽快处理，谢谢\n",
        "customer_id=C-000001 address=上海市浦东新区\n示例路1号",
    );
    check("客户编号：C-000001\n地址：上海市浦东新区\n示例路1号\n", "?unclear-value / ?unclear-value");
}

#[test]
fn tables_and_commands() {
    check(
        "客户编号\t电话\nC-000001\t13800138000\nC-000002\t13900139000\n",
        "customer_id=C-000001 phone=13800138000 / customer_id=C-000002 phone=13900139000",
    );
    check(
        "| 客户编号 | 阶段 |\n|---|---|\n| C-000001 | 签约 |\n| C-000002 |\n",
        "customer_id=C-000001 stage=签约 / ?wrong-width",
    );
    check("查看 C-000001\n", "Show([\"C-000001\"])");
    check(
        "模板\n\n客户编号：C-000001\n阶段：签约\n",
        "?command-and-changes / ?command-and-changes / ?command-and-changes / *command-and-changes",
    );
    check("你好\n", "*nothing-found");
}

#[test]
fn pages_tables_and_disagreement() {
    let alternative = |plain: &str, html: &str| {
        format!(
            "From: wang.fang@example.com\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--b--\r\n"
        )
    };
    let table = "<table><tr><td>客户编号</td><td>阶段</td></tr><tr><td>C-000001</td><td>签约</td></tr></table>";
    let row = "customer_id=C-000001 stage=签约";
    assert_eq!(says(alternative("客户编号\n\n阶段\n\nC-000001\n\n签约\n", table).as_bytes()), row);
    assert_eq!(says(alternative("客户编号：C-000001\n阶段：报价\n", table).as_bytes()), "!text-and-html-disagree");
    let quoted = format!("<p>见下</p><blockquote>{table}</blockquote>");
    assert_eq!(
        says(alternative("见下\n\n客户编号：C-000001\n阶段：签约\n", &quoted).as_bytes()),
        "!text-and-html-disagree"
    );
}
