//! Names of folders as IMAP writes them: modified UTF-7 (RFC 3501, 5.1.3).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Encodes a name.
pub(super) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut run: Vec<u8> = Vec::new();
    for letter in name.chars() {
        if matches!(letter, ' '..='~') {
            end_run(&mut run, &mut encoded);
            encoded.push(letter);
            if letter == '&' {
                encoded.push('-');
            }
        } else {
            let mut units = [0; 2];
            run.extend(letter.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    end_run(&mut run, &mut encoded);
    encoded
}

/// Writes the letters that are not ASCII as base64 of UTF-16.
fn end_run(run: &mut Vec<u8>, encoded: &mut String) {
    if run.is_empty() {
        return;
    }
    encoded.push('&');
    for three in run.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = (bits << 8) | u32::from(three.get(at).copied().unwrap_or(0));
        }
        for at in 0..=three.len() {
            let index = usize::try_from((bits >> (18 - 6 * at)) & 63).unwrap_or(0);
            encoded.push(char::from(ALPHABET[index]));
        }
    }
    encoded.push('-');
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn names_are_written_as_the_standard_shows() {
        for (name, expected) in [
            ("INBOX", "INBOX"),
            ("Tom & Jerry", "Tom &- Jerry"),
            // The examples of RFC 3501.
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("☺!", "&Jjo-!"),
            ("已处理", "&XfJZBHQG-"),
            ("😀", "&2D3eAA-"),
            ("", ""),
        ] {
            assert_eq!(encode(name), expected, "{name}");
        }
    }
}
