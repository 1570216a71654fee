//! What an element of a page says of what is within it: that it is quoted, a signature, hidden, or set as it is typed.
//!
//! The names are those that mail programs give their own elements; each stands with the program that writes it.

use super::Mark;

/// What an element says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// What it says of what is within.
    pub(super) mark: Option<Mark>,
    /// What all that comes after it is, too.
    pub(super) begins: Option<Begins>,
    /// Whether nobody sees what is within, or it is struck out.
    pub(super) is_hidden: bool,
    /// Whether line ends within are line ends.
    pub(super) is_preformatted: bool,
}

/// What an element begins that does not end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// Another mail.
    AnotherMail,
    /// A signature: it is the line that Foxmail draws above one.
    Signature,
}

/// Elements, by class or id, that hold another mail.
const QUOTES: [&str; 19] = [
    "gmail_quote",                             // Gmail
    "gmail_quote_container",                   // Gmail since 2024
    "gmail_attr",                              // Gmail: "On … wrote:"
    "yahoo_quoted",                            // Yahoo
    "moz-cite-prefix",                         // Thunderbird: "On … wrote:"
    "moz-forward-container",                   // Thunderbird
    "protonmail_quote",                        // Proton
    "outlookmessageheader",                    // Outlook 2003
    "olk_src_body_section",                    // Outlook for Mac
    "mail-editor-reference-message-container", // Outlook for Windows, new
    "isreplycontent",                          // 163, 126, yeah.net
    "isforwardcontent",                        // 163, 126, yeah.net
    "ntes-mailmaster-quote",                   // NetEase Mail Master
    "xm_mail_oringinal_describe",              // QQ and WeCom mail
    "xmail_quote",                             // QQ mail, new
    "foxmailquote",                            // Foxmail
    "reply-intro",                             // Roundcube
    "zmail_extra",                             // Zoho
    "lark-mail-quote",                         // Lark
];

/// Elements after whose beginning all is another mail.
const ENDS: [&str; 4] = [
    "divrplyfwdmsg",       // Outlook on the web and new Outlook
    "appendonsend",        // Outlook on the web
    "orimsghtmlseperator", // Coremail
    "replysplit",          // Coremail
];

/// Elements that hold a signature and don't have the word as a part of their name, as `gmail_signature` has.
const SIGNATURES: [&str; 3] = [
    "applemailsignature", // Apple Mail
    "spneditorsign",      // 163, 126, yeah.net
    "spneditorsign_app",  // NetEase
];

/// Elements whose content is no text of the page.
const UNSEEN: [&str; 10] =
    ["title", "style", "script", "xml", "template", "noscript", "object", "svg", "select", "datalist"];

/// Elements that strike their content out.
const STRUCK: [&str; 3] = ["s", "strike", "del"];

/// Reads an element's name and attributes. `attribute` gives the text of one.
pub(super) fn said_by(name: &str, attribute: &dyn Fn(&str) -> Option<String>) -> Said {
    let mut said = Said { is_preformatted: name == "pre", ..Said::default() };
    if name == "blockquote" {
        said.mark = Some(Mark::Quote);
    }
    // QQ mail keeps a signature in an element of its own.
    if name == "sign" {
        said.mark = Some(Mark::Signature);
    }
    said.is_hidden = UNSEEN.contains(&name) || STRUCK.contains(&name) || attribute("hidden").is_some();
    let class = attribute("class").unwrap_or_default();
    let id = attribute("id").unwrap_or_default();
    for written in class.split_ascii_whitespace().chain([id.as_str()]) {
        let own = own_name(written);
        if QUOTES.contains(&own.as_str()) {
            said.mark = Some(Mark::Quote);
        } else if ENDS.contains(&own.as_str()) {
            said.mark = Some(Mark::Quote);
            said.begins = Some(Begins::AnotherMail);
        } else if is_signature(&own) && said.mark.is_none() {
            said.mark = Some(Mark::Signature);
        }
    }
    if let Some(style) = attribute("style") {
        declarations(&style, name, &mut said);
    }
    said
}

/// Whether an element calls itself a signature. Zoho numbers its ones.
fn is_signature(own: &str) -> bool {
    let has = |words: &[&str]| own.split(['-', '_']).any(|piece| words.contains(&piece));
    let is_named = has(&["signature"]) && !has(&["no", "add", "with", "without"]);
    is_named || SIGNATURES.contains(&own) || own.starts_with("zm-_id_-sgn")
}

/// A class or id as its program wrote it: Outlook puts `x_` before the names of a mail that it shows.
fn own_name(written: &str) -> String {
    let mut name = written.to_ascii_lowercase();
    while let Some(inner) = name.strip_prefix("x_") {
        name = inner.to_owned();
    }
    name
}

/// Reads the declarations of a `style` attribute.
fn declarations(style: &str, name: &str, said: &mut Said) {
    // Either by itself stands on wrappers whose content says otherwise; together they hide.
    let (mut is_tiny, mut is_white) = (false, false);
    for declaration in style.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let property = property.trim().to_ascii_lowercase();
        let value = value.trim().to_ascii_lowercase();
        let value = value.strip_suffix("!important").unwrap_or(&value).trim();
        match property.as_str() {
            "display" => said.is_hidden |= value == "none",
            "visibility" => said.is_hidden |= value == "hidden",
            "mso-hide" => said.is_hidden |= value == "all",
            "font-size" => {
                said.is_hidden |= without_unit(value) == "0";
                is_tiny |= is_unreadably_small(value);
            }
            "color" => {
                is_white |= matches!(value, "#fff" | "#ffffff" | "white" | "rgb(255,255,255)" | "rgb(255, 255, 255)");
            }
            "max-height" | "opacity" => said.is_hidden |= without_unit(value) == "0",
            "text-decoration" | "text-decoration-line" => said.is_hidden |= value.contains("line-through"),
            "white-space" => said.is_preformatted |= matches!(value, "pre" | "pre-wrap" | "pre-line" | "break-spaces"),
            "width" if name == "hr" && value == "210px" => said.begins = Some(Begins::Signature),
            _ => {}
        }
    }
    said.is_hidden |= is_tiny && is_white;
}

fn without_unit(value: &str) -> &str {
    value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%')
}

/// Whether nobody reads letters of this size: two pixels or points at most.
fn is_unreadably_small(value: &str) -> bool {
    let is_absolute = value.ends_with("px") || value.ends_with("pt");
    is_absolute && without_unit(value).parse::<f32>().is_ok_and(|size| size <= 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, attributes: &[(&str, &str)]) -> Said {
        said_by(name, &|wanted| attributes.iter().find(|(own, _)| *own == wanted).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn marks_of_mail_programs() {
        assert_eq!(said("div", &[("class", "a gmail_quote")]).mark, Some(Mark::Quote));
        assert_eq!(said("div", &[("class", "gmail_default")]).mark, None);
        assert_eq!(said("div", &[("id", "x_Signature")]).mark, Some(Mark::Signature));
        assert_eq!(said("div", &[("class", "lark-mail-signature")]).mark, Some(Mark::Signature));
        assert_eq!(said("div", &[("id", "Zm-_Id_-Sgn1")]).mark, Some(Mark::Signature));
        assert_eq!(said("div", &[("class", "no-signature")]).mark, None);
        assert_eq!(said("div", &[("id", "AddSignatureBody")]).mark, None);
        assert_eq!(said("div", &[("id", "divRplyFwdMsg")]).begins, Some(Begins::AnotherMail));
    }

    #[test]
    fn what_nobody_sees() {
        for style in [
            "font-size:1px;color:#fff",
            "color: white; font-size: 1.5pt",
            "display:none",
            "DISPLAY: NONE !important;",
            "font-size:0px",
            "mso-hide:all",
            "opacity:0",
        ] {
            assert!(said("span", &[("style", style)]).is_hidden, "{style}");
        }
        assert!(said("s", &[]).is_hidden);
        assert!(!said("span", &[("style", "font-size:10px;opacity:0.9")]).is_hidden);
        assert!(
            !said("span", &[("style", "font-size:1px")]).is_hidden
                && !said("span", &[("style", "font-size:2rem")]).is_hidden
        );
    }
}
