//! Decisions by mail: a token, or a word in reply to a receipt that asks one thing, decides a question as `review decide` does.
//!
//! A token counts if Daybook made it for the person whose mail this is, once, before it ends, and while the question and its record are as they were when it
//! was made. All of that is looked at on the snapshot that is posted on, and that it is used is committed with the decision. Whatever is wrong, the answer
//! tells why and shows nothing that its reader may not see.

use super::super::command::{self, Answered};
use super::super::consult::Case;
use super::super::{Pipeline, PipelineError, Report, reread_task, table_of};
use super::account::{self, Telling, shown};
use super::asking::{self, Asked as Questions, Asking};
use super::token::{self, Token};
use super::{Asked, Author, Made, is_automatic, nothing};
use crate::access::Decider;
use crate::codec::mime::Mail;
use crate::extract::mail::{ChosenAnswer, MailReading};
use crate::model::entry::Posting;
use crate::model::{
    Actor, Arrival, ArrivalKind, MessageId, Outcome, Review, ReviewKind, StoredRecord, Table, TableName,
};
use crate::pipeline::Decision;
use crate::publish::receipt::{Account, CellAccount, CellOutcome, Choice, Decided, RecordAccount};
use crate::publish::view::{header, table_title};
use crate::store::{Snapshot, TAG_BYTES, Task};

/// What is committed with a decision.
#[derive(Debug)]
pub(super) struct Deciding {
    /// The tag of the token that is used by it.
    pub(super) tag: [u8; TAG_BYTES],
    /// The source that is to be read again.
    pub(super) reread: Option<Task>,
}

/// Why a decision by mail does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Void {
    /// It is no token, or not this person's: nobody learns which.
    Unknown,
    /// It was used.
    Used,
    /// The question is answered, or went away.
    Closed,
    /// It has ended.
    Expired,
    /// It is not hers to decide any more.
    Forbidden,
    /// The record, or the question, is another one by now.
    Changed,
    /// It would not fit what is stored.
    Refused,
    /// The answered mail asks nothing that the word could mean.
    Nothing,
    /// The answered mail asks several things.
    Several,
}

impl Void {
    /// Its words in the catalogue.
    const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "decide-unknown",
            Self::Used => "decide-used",
            Self::Closed => "decide-closed",
            Self::Expired => "decide-expired",
            Self::Forbidden => "decide-forbidden",
            Self::Changed => "decide-changed",
            Self::Refused => "decide-refused",
            Self::Nothing => "decide-nothing",
            Self::Several => "decide-several",
        }
    }
}

/// A question that may be decided so.
struct Judged {
    review: Review,
    stored: StoredRecord,
    choice: Choice,
}

/// What looking at a token came to.
enum Verdict {
    Good(Box<Judged>),
    /// It does not count; the question, if it may be put to the person anew.
    Void(Void, Option<Box<(Review, StoredRecord)>>),
}

impl Pipeline {
    /// Decides by a token that was sent.
    pub(super) fn decide_by_token(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        reading: &MailReading,
        text: &str,
    ) -> Result<Report, PipelineError> {
        self.decide_by(asked, table, reading, Token::parse(text).ok_or(Void::Unknown))
    }

    /// Decides by a word in reply to a receipt.
    pub(super) fn decide_by_word(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        reading: &MailReading,
        chosen: ChosenAnswer,
    ) -> Result<Report, PipelineError> {
        let token = match self.offered(asked.mail, asked.author)?.as_deref() {
            None => Err(Void::Nothing),
            Some([]) => Err(Void::Several),
            Some(tokens) => meant(tokens, chosen).ok_or(Void::Nothing),
        };
        self.decide_by(asked, table, reading, token)
    }

    /// What the mail that is answered offers its author: a token for each way to answer, none if it asks several things. `None` if it asks her nothing.
    pub(super) fn offered(&self, mail: &Mail, author: &Author) -> Result<Option<Vec<Vec<u8>>>, PipelineError> {
        for id in &mail.in_reply_to {
            let (Some(to), Ok(id)) = (&author.answer_to, MessageId::parse(id.as_str())) else { continue };
            let offered = self.store.offered_by(&id, to)?;
            if offered.is_some() {
                return Ok(offered);
            }
        }
        Ok(None)
    }

    fn decide_by(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        reading: &MailReading,
        token: Result<Token, Void>,
    ) -> Result<Report, PipelineError> {
        // A machine answers for its owner, but does not decide for her.
        let is_hers = asked.author.answer_to.is_some() && !is_automatic(asked.mail);
        let token = token.and_then(|token| if is_hers { Ok(token) } else { Err(Void::Unknown) });
        let about = match &token {
            Ok(token) => self.table_of_token(token, &asked.author.actor)?.unwrap_or_else(|| table.clone()),
            Err(_) => table.clone(),
        };
        let config = self.config.clone();
        let language = self.texts.language();
        self.post_mail(asked, &about, |snapshot, table, decider, arrival, entropy| {
            asked.deciding.take();
            let actor = arrival.actor.clone();
            let asking = Asking { snapshot, decider, config: &config, language, actor: &actor, now: arrival.at };
            let judged = match &token {
                Ok(token) => judge(snapshot, table, decider, &arrival, token)?,
                Err(void) => Verdict::Void(*void, None),
            };
            let mut made = match judged {
                Verdict::Good(judged) => {
                    let decided = decide(snapshot, table, decider, arrival.clone(), &judged, entropy);
                    match (decided, &token) {
                        (Ok((posting, report)), Ok(token)) => {
                            asked.deciding.replace(Some(deciding(token, &judged.review)));
                            let telling = Telling::new(table, decider, &config.policy, &actor, language);
                            let account = told(&telling, &judged, &posting);
                            (posting, report, account)
                        }
                        (Err(PipelineError::Refused(_)), _) => void(table, decider, arrival, Void::Refused),
                        (Err(error), _) => return Err(error),
                        (Ok(_), Err(reason)) => void(table, decider, arrival, *reason),
                    }
                }
                Verdict::Void(reason, anew) => {
                    let mut made = void(table, decider, arrival, reason);
                    let mut questions = Questions::default();
                    if let Some(anew) = anew {
                        asking.add(&mut questions, table, &anew.0, &anew.1, None)?;
                    }
                    made.2.questions = questions.questions;
                    made
                }
            };
            account::of_lines(reading, &mut made.2);
            Ok(made)
        })
    }

    /// The table of the question that a token is about, if it is this person's token and the table is kept here.
    fn table_of_token(&mut self, token: &Token, actor: &Actor) -> Result<Option<TableName>, PipelineError> {
        let Actor::Person(person) = actor else { return Ok(None) };
        let snapshot = self.store.snapshot()?;
        let Some(claims) = token.proved(&snapshot, person) else { return Ok(None) };
        let table = snapshot.review(claims.review)?.map(|kept| kept.review.table);
        Ok(table.filter(|table| table_of(&self.config, table).is_ok()))
    }

    /// Answers with a page of what the person may decide.
    pub(super) fn send_reviews(
        &mut self,
        asked: &Asked<'_>,
        table: &TableName,
        reading: &MailReading,
        page: u32,
    ) -> Result<Report, PipelineError> {
        let config = self.config.clone();
        let language = self.texts.language();
        self.post_mail(asked, table, |snapshot, table, decider, arrival, _| {
            let actor = arrival.actor.clone();
            let asking = Asking { snapshot, decider, config: &config, language, actor: &actor, now: arrival.at };
            let open = asking.of_page(page)?;
            let mut made = nothing(table, decider, arrival);
            if open.questions.is_empty() {
                let code = if page > 1 { "reviews-no-page" } else { "reviews-none" };
                made.2.remarks.push(code.to_owned());
            }
            made.2.more_on_page = open.has_more.then(|| page.saturating_add(1));
            made.2.questions = open.questions;
            account::of_lines(reading, &mut made.2);
            Ok(made)
        })
    }
}

/// The token that a word means, of those that were offered.
fn meant(tokens: &[Vec<u8>], chosen: ChosenAnswer) -> Option<Token> {
    let mut tokens = tokens.iter().map(|bytes| Token::from_bytes(bytes));
    let choice = match chosen {
        ChosenAnswer::First => return tokens.next().flatten(),
        ChosenAnswer::Second => return tokens.nth(1).flatten(),
        ChosenAnswer::Incoming => Choice::Incoming,
        ChosenAnswer::Stored => Choice::Stored,
        ChosenAnswer::Accept => Choice::Accept,
        ChosenAnswer::Reject => Choice::Reject,
    };
    tokens.flatten().find(|token| token.choice() == choice)
}

/// Looks at a token: whether it counts now.
fn judge(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: &Arrival,
    token: &Token,
) -> Result<Verdict, PipelineError> {
    let void = |void| Ok(Verdict::Void(void, None));
    let Actor::Person(person) = &arrival.actor else { return void(Void::Unknown) };
    let Some(claims) = token.proved(snapshot, person) else { return void(Void::Unknown) };
    if snapshot.is_token_used(&token.tag())? {
        return void(Void::Used);
    }
    let kept = snapshot.review(claims.review)?.filter(|kept| kept.closed.is_none());
    let Some(review) = kept.map(|kept| kept.review).filter(|review| review.table == table.name) else {
        return void(Void::Closed);
    };
    if claims.has_ended(arrival.at) {
        return void(Void::Expired);
    }
    let record = match review.record {
        Some(record) => snapshot.record(&table.name, record)?,
        None => None,
    };
    let Some(stored) = record else { return void(Void::Closed) };
    let may = asking::choices(decider, table, &arrival.actor, &review, &stored);
    if may.is_none_or(|may| !may.contains(&claims.choice)) {
        return void(Void::Forbidden);
    }
    if claims.state != token::state(snapshot, &review, stored.version) {
        return Ok(Verdict::Void(Void::Changed, Some(Box::new((review, stored)))));
    }
    Ok(Verdict::Good(Box::new(Judged { review, stored, choice: claims.choice })))
}

/// Makes the posting of the decision, as `review decide` makes it.
fn decide(
    snapshot: &Snapshot<'_>,
    table: &Table,
    decider: &Decider,
    arrival: Arrival,
    judged: &Judged,
    entropy: &mut dyn crate::io::Entropy,
) -> Result<(Posting, Report), PipelineError> {
    let review = &judged.review;
    let arrival = Arrival { kind: ArrivalKind::Decision(review.id), edited_at: arrival.at, ..arrival };
    let decision = match judged.choice {
        Choice::Incoming => Decision::Incoming,
        Choice::Stored => Decision::Stored,
        Choice::Accept => Decision::Accept,
        Choice::Reject => Decision::Reject,
    };
    // Plugins are asked about rows that they hold, and those the steward decides.
    let consult = |_: &Case<'_>| Default::default();
    command::decide(
        snapshot,
        table,
        decider,
        arrival,
        Answered { review, decision: &decision, consult: &consult },
        entropy,
    )
}

fn deciding(token: &Token, review: &Review) -> Deciding {
    let reread = (review.kind == ReviewKind::Ambiguous).then(|| reread_task(&review.source));
    Deciding { tag: token.tag(), reread }
}

/// A mail that decides nothing, and why.
fn void(table: &Table, decider: &Decider, arrival: Arrival, reason: Void) -> Made {
    let mut made = nothing(table, decider, arrival);
    made.2.remarks.push(reason.code().to_owned());
    made
}

/// Tells what was decided, and what that changed.
fn told(telling: &Telling<'_>, judged: &Judged, posting: &Posting) -> Account {
    let table = telling.table;
    let rights = asking::rights(telling.decider, table, telling.actor, &judged.stored);
    let key = asking::visible_key(table, &rights, &judged.stored);
    let cells = posting.records.iter().filter(|entry| entry.record == judged.stored.id).flat_map(|entry| &entry.cells);
    let cells = cells.filter(|cell| cell.outcome == Outcome::Applied).filter_map(|cell| {
        let field = table.field(cell.field)?;
        let before = cell.before.as_ref().and_then(|before| before.stored.as_ref());
        Some(CellAccount {
            title: header(field, telling.language).to_owned(),
            old: shown(field, &rights, before),
            new: shown(field, &rights, Some(cell.posted())),
            outcome: CellOutcome::Applied,
        })
    });
    let cells: Vec<CellAccount> = cells.collect();
    let title = table_title(table, telling.language);
    let decided = Decided {
        asks: asking::asks(judged.review.kind),
        choice: judged.choice,
        title: title.clone(),
        key: key.clone(),
        has_changed: posting.records.iter().any(crate::model::RecordEntry::changes_record),
    };
    let record = RecordAccount { title, key, place: None, is_new: false, remark: None, cells };
    let records = if record.cells.is_empty() { Vec::new() } else { vec![record] };
    Account { decided: Some(decided), records, ..Account::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Language, Texts};

    #[test]
    fn every_reason_has_its_words() {
        let all = [
            Void::Unknown,
            Void::Used,
            Void::Closed,
            Void::Expired,
            Void::Forbidden,
            Void::Changed,
            Void::Refused,
            Void::Nothing,
            Void::Several,
        ];
        for language in Language::ALL {
            let texts = Texts::new(language);
            for code in all.map(Void::code).into_iter().chain(["reviews-none", "reviews-no-page"]) {
                assert!(texts.has(&format!("mail-{code}")) && texts.has(&format!("mail-{code}-do")), "{code}");
            }
        }
    }
}
