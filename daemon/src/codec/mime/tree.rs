//! Walks a mail's parts: which are its texts, which its attachments, which hold others.

use std::borrow::Cow;

use super::attachment;
use super::cms::{self, Signed};
use super::entity::Entity;
use super::fault::MimeFault;
use super::params::Params;
use super::{Body, Mail, MimeLimits, Notice, charset, html, plain, tnef};

/// Reads all parts of a mail into its bodies and attachments.
pub(super) fn read(entity: &Entity<'_>, limits: &MimeLimits, mail: &mut Mail) -> Result<(), MimeFault> {
    let mut walk = Walk { limits, parts: 0, mail };
    walk.part(entity, 0, "text/plain", None)
}

struct Walk<'a> {
    limits: &'a MimeLimits,
    /// How many parts were met.
    parts: usize,
    mail: &'a mut Mail,
}

impl Walk<'_> {
    /// Reads a part. `within` is the text whose other form this may be.
    fn part(
        &mut self,
        entity: &Entity<'_>,
        depth: usize,
        default_type: &str,
        within: Option<&mut Body>,
    ) -> Result<(), MimeFault> {
        self.parts += 1;
        if self.parts > self.limits.parts_max {
            return Err(MimeFault::TooManyParts);
        }
        if depth > self.limits.depth_max {
            return Err(MimeFault::TooDeep);
        }
        let content_type = entity.content_type();
        let kind = if content_type.value.contains('/') { content_type.value.as_str() } else { default_type };
        match kind {
            "multipart/encrypted" | "application/pgp-encrypted" => Err(MimeFault::Encrypted),
            "multipart/alternative" if within.is_none() => {
                let mut body = Body::default();
                self.children(entity, &content_type, depth, "text/plain", Some(&mut body))?;
                self.keep(body);
                Ok(())
            }
            "multipart/digest" => self.children(entity, &content_type, depth, "message/rfc822", within),
            _ if kind.starts_with("multipart/") => self.children(entity, &content_type, depth, "text/plain", within),
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => self.opaque(entity, depth),
            "application/pkcs7-signature" | "application/x-pkcs7-signature" | "application/pgp-signature" => {
                self.notice(Notice::SignatureNotVerified);
                Ok(())
            }
            "application/ms-tnef" | "application/vnd.ms-tnef" => self.winmail(entity),
            "text/plain" | "text/html" if is_text(entity)? => {
                self.text(entity, &content_type, kind == "text/html", within)
            }
            _ if attachment::name(entity)?.eq_ignore_ascii_case("winmail.dat") => self.winmail(entity),
            _ => {
                let bytes = entity.decoded()?.into_owned();
                self.attach(attachment::of_entity(entity, bytes, self.limits)?)
            }
        }
    }

    /// Reads what a multipart holds.
    fn children(
        &mut self,
        entity: &Entity<'_>,
        content_type: &Params,
        depth: usize,
        default_type: &str,
        mut within: Option<&mut Body>,
    ) -> Result<(), MimeFault> {
        let boundary = content_type.get("boundary").filter(|text| !text.is_empty()).ok_or(MimeFault::Malformed)?;
        // A part that holds others is never itself packed for transport; some programs say so all the same.
        let parts_left = self.limits.parts_max.saturating_sub(self.parts);
        let Split { parts, is_finished } = split(entity.body, boundary.as_bytes(), parts_left)?;
        if parts.is_empty() {
            return Err(MimeFault::Malformed);
        }
        if !is_finished {
            self.notice(Notice::PartUnfinished);
        }
        for bytes in parts {
            let child = Entity::split(bytes, self.limits)?;
            self.part(&child, depth + 1, default_type, within.as_deref_mut())?;
        }
        Ok(())
    }

    /// Reads the content of an S/MIME message that holds it in binary form.
    fn opaque(&mut self, entity: &Entity<'_>, depth: usize) -> Result<(), MimeFault> {
        let bytes = entity.decoded()?;
        match cms::content(&bytes) {
            Signed::Content(content) => {
                self.notice(Notice::SignatureNotVerified);
                let inner = Entity::split(&content, self.limits)?;
                self.part(&inner, depth + 1, "text/plain", None)
            }
            Signed::Enveloped => Err(MimeFault::Encrypted),
            Signed::Other => self.attach(attachment::of_entity(entity, bytes.into_owned(), self.limits)?),
        }
    }

    fn text(
        &mut self,
        entity: &Entity<'_>,
        content_type: &Params,
        is_html: bool,
        within: Option<&mut Body>,
    ) -> Result<(), MimeFault> {
        if entity.body.len() > self.limits.text_bytes_max {
            return Err(MimeFault::TooLarge);
        }
        let bytes: Cow<'_, [u8]> = entity.decoded()?;
        let text = charset::text(&bytes, content_type.get("charset"), is_html).ok_or(MimeFault::UndecodableText)?;
        let mut body = Body::default();
        if is_html {
            body.html = Some(html::passages(&text, self.limits)?);
        } else {
            let is_flowed = content_type.get("format").is_some_and(|format| format.eq_ignore_ascii_case("flowed"));
            let deletes_space = content_type.get("delsp").is_some_and(|flag| flag.eq_ignore_ascii_case("yes"));
            body.plain = Some(plain::passages(&text, is_flowed.then_some(deletes_space), self.limits)?);
        }
        match within {
            Some(other) => {
                join(&mut other.plain, body.plain);
                join(&mut other.html, body.html);
            }
            None => self.keep(body),
        }
        Ok(())
    }

    /// Reads a `winmail.dat`. Its text counts only if the mail has no other.
    fn winmail(&mut self, entity: &Entity<'_>) -> Result<(), MimeFault> {
        let bytes = entity.decoded()?;
        let found = tnef::read(&bytes, self.limits)?;
        if found.is_damaged {
            self.notice(Notice::WinmailDamaged);
        }
        for (name, content) in found.attachments {
            if name.contains('\u{FFFD}') {
                return Err(MimeFault::UndecodableText);
            }
            self.attach(attachment::named(&name, content, self.limits)?)?;
        }
        if !self.mail.bodies.iter().all(is_blank) {
            return Ok(());
        }
        let mut body = Body::default();
        if let Some((content, code_page)) = found.html {
            let text = charset::text(&content, code_page.as_deref(), true).ok_or(MimeFault::UndecodableText)?;
            body.html = Some(html::passages(&text, self.limits)?);
        } else if let Some(text) = found.text {
            let text = match text {
                tnef::Text::Unicode(text) if text.contains('\u{FFFD}') => return Err(MimeFault::UndecodableText),
                tnef::Text::Unicode(text) => text,
                tnef::Text::Bytes(bytes) => {
                    charset::text(&bytes, found.code_page.as_deref(), false).ok_or(MimeFault::UndecodableText)?
                }
            };
            body.plain = Some(plain::passages(&text, None, self.limits)?);
        } else if found.has_rich_text {
            self.notice(Notice::RichTextNotRead);
        }
        self.keep(body);
        Ok(())
    }

    fn keep(&mut self, body: Body) {
        if body != Body::default() {
            self.mail.bodies.push(body);
        }
    }

    fn attach(&mut self, attachment: super::Attachment) -> Result<(), MimeFault> {
        if self.mail.attachments.len() >= self.limits.attachments_max {
            return Err(MimeFault::TooManyParts);
        }
        self.mail.attachments.push(attachment);
        Ok(())
    }

    fn notice(&mut self, notice: Notice) {
        if !self.mail.notices.contains(&notice) {
            self.mail.notices.push(notice);
        }
    }
}

/// Whether a text part is a text of the mail, and no file that came with it.
fn is_text(entity: &Entity<'_>) -> Result<bool, MimeFault> {
    Ok(entity.disposition().value != "attachment" && attachment::name(entity)?.is_empty())
}

fn is_blank(body: &Body) -> bool {
    [&body.plain, &body.html].into_iter().flatten().flatten().all(|passage| match &passage.content {
        super::Content::Line(line) => line.trim().is_empty(),
        super::Content::Grid(_) => false,
    })
}

/// Puts one text behind another.
fn join<T>(first: &mut Option<Vec<T>>, second: Option<Vec<T>>) {
    if let Some(more) = second {
        first.get_or_insert_default().extend(more);
    }
}

/// The parts of a multipart.
struct Split<'a> {
    parts: Vec<&'a [u8]>,
    /// Whether the closing line is there.
    is_finished: bool,
}

/// Splits a multipart's body at the lines that are its boundary.
fn split<'a>(body: &'a [u8], boundary: &[u8], parts_max: usize) -> Result<Split<'a>, MimeFault> {
    let mut parts = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    while at < body.len() {
        let rest = &body[at..];
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let line = rest[..end].trim_ascii_end();
        let after = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary));
        if let Some(closing @ (b"" | b"--")) = after {
            if let Some(start) = start {
                parts.push(without_line_end(&body[start..at.max(start)]));
                if parts.len() > parts_max {
                    return Err(MimeFault::TooManyParts);
                }
            }
            start = Some(at + end);
            if closing == b"--" {
                return Ok(Split { parts, is_finished: true });
            }
        }
        at += end;
    }
    if let Some(start) = start {
        parts.push(&body[start..]);
    }
    Ok(Split { parts, is_finished: false })
}

/// The line end before a boundary belongs to the boundary.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
