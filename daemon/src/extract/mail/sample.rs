//! The office of this module's tests.

use crate::model::schema::{Constraints, Generator, Title};
use crate::model::{FieldType, Format, Table, TableName};

use super::super::sample::{field, table};

/// Customers, with a generated key.
pub(crate) fn customers() -> Table {
    let mut fields = vec![
        field(0, "customer_id", FieldType::String, &["客户编号", "Customer ID", "Customer No."]),
        field(1, "name", FieldType::String, &["客户名称", "公司名称", "Customer Name", "Company"]),
        field(2, "phone", FieldType::String, &["电话", "手机", "联系电话", "Phone", "Mobile", "Tel"]),
        field(3, "email", FieldType::String, &["邮箱", "电子邮件", "Email", "E-mail"]),
        field(4, "address", FieldType::String, &["地址", "Address"]),
        field(5, "stage", FieldType::String, &["阶段", "Stage"]),
        field(6, "credit", FieldType::Number, &["信用额度", "Credit Limit"]),
        field(7, "signed_on", FieldType::Date, &["签约日期", "Signed On"]),
        field(8, "remark", FieldType::String, &["备注", "Remark", "Remarks"]),
    ];
    let pattern = regex::Regex::new("^(?:C-[0-9]+)$").ok();
    fields[0].constraints = Constraints { required: true, pattern, ..Constraints::default() };
    fields[0].generate = Some(Generator { prefix: "C-".into(), width: 6, suffix: String::new() });
    fields[1].constraints.required = true;
    fields[2].format = Some(Format::Phone);
    fields[2].class = "sensitive".into();
    fields[3].format = Some(Format::Email);
    fields[5].constraints.allowed = vec!["潜在".into(), "报价".into(), "签约".into()];
    Table { title: Title { zh_cn: Some("客户".into()), en: Some("Customers".into()) }, ..table(fields) }
}

/// Complaints, whose numbers people hand out.
pub(crate) fn complaints() -> Table {
    let fields = vec![
        field(0, "complaint_no", FieldType::String, &["投诉编号", "Complaint No."]),
        field(1, "customer_id", FieldType::String, &["客户编号", "Customer ID"]),
        field(2, "details", FieldType::String, &["投诉内容", "Details"]),
        field(3, "received_on", FieldType::Date, &["收到日期", "Received On"]),
        field(4, "status", FieldType::String, &["状态", "Status"]),
    ];
    Table {
        name: TableName::new("complaints"),
        title: Title { zh_cn: Some("投诉".into()), en: Some("Complaints".into()) },
        ..table(fields)
    }
}
