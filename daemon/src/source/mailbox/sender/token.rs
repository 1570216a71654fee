//! Cuts a structured header into words and signs (RFC 5322, 3.2), with comments taken out.

/// The deepest nesting of comments.
const COMMENT_DEPTH_MAX: usize = 8;

/// A piece of a structured header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A run of characters that are no sign and no blank.
    Word(String),
    /// A quoted text, without its marks.
    Quoted(String),
    /// One of the signs that were asked for.
    Sign(char),
}

/// Cuts a text; `None` if a comment or a quoted text does not end, or something stands there that is not ASCII.
pub(super) fn tokens(text: &str, signs: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => {}
            '(' => skip_comment(&mut letters)?,
            '"' => found.push(Token::Quoted(take_quoted(&mut letters)?)),
            ')' | '\\' => return None,
            _ if signs.contains(letter) => found.push(Token::Sign(letter)),
            ' '..='~' => {
                let mut word = String::from(letter);
                while let Some(next) = letters.next_if(|next| !" \t()\"\\".contains(*next) && !signs.contains(*next)) {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
            _ => return None,
        }
    }
    Some(found)
}

fn skip_comment(letters: &mut impl Iterator<Item = char>) -> Option<()> {
    let mut depth = 1;
    while depth > 0 {
        match letters.next()? {
            '(' if depth == COMMENT_DEPTH_MAX => return None,
            '(' => depth += 1,
            ')' => depth -= 1,
            '\\' => drop(letters.next()?),
            _ => {}
        }
    }
    Some(())
}

fn take_quoted(letters: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut text = String::new();
    loop {
        match letters.next()? {
            '"' => return Some(text),
            '\\' => text.push(letters.next()?),
            letter => text.push(letter),
        }
    }
}
