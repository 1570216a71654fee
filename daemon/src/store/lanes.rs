//! Spreads the sealing of a large posting over threads, while one thread alone talks to the database.
//!
//! In come three closures: `prepare` (on the calling thread, in order: reads rows, draws nonces), `work` (on any
//! thread, pure: encodes, seals, opens) and `finish` (on the calling thread, in the order of `prepare`: writes rows).
//! What comes out is therefore the same for any number of threads. It never holds more than a few pieces at once.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::error::StoreError;

/// More threads than this only wait: the database takes about half of the time.
const LANES_MAX: usize = 3;
/// Pieces under way in each lane: one in work and one waiting, so that no lane idles while a row is written.
const PIECES_PER_LANE: usize = 2;

/// Runs all pieces. A single piece is worked on the calling thread: starting a thread would take longer.
pub(super) fn staged<P: Send, R: Send>(
    mut prepare: impl FnMut() -> Result<Option<P>, StoreError>,
    work: impl Fn(P) -> Result<R, StoreError> + Sync,
    mut finish: impl FnMut(R) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let Some(first) = prepare()? else { return Ok(()) };
    let Some(second) = prepare()? else { return finish(work(first)?).map(|_| ()) };
    let mut ready = VecDeque::from([first, second]);
    let lane_count = thread::available_parallelism().map_or(1, usize::from).min(LANES_MAX);
    thread::scope(|scope| {
        let lanes: Vec<Lane<P, R>> = (0..lane_count).map(|_| Lane::start(scope, &work)).collect();
        let (mut sent, mut done) = (0, 0);
        loop {
            let piece = match ready.pop_front() {
                Some(piece) => Some(piece),
                None => prepare()?,
            };
            let Some(piece) = piece else { break };
            lanes[sent % lane_count].send(piece)?;
            sent += 1;
            if sent - done >= lane_count * PIECES_PER_LANE {
                if finish(lanes[done % lane_count].receive()?)?.is_break() {
                    return Ok(());
                }
                done += 1;
            }
        }
        for piece in done..sent {
            if finish(lanes[piece % lane_count].receive()?)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// One thread and its two ends. Dropping it ends the thread.
struct Lane<P, R> {
    to: SyncSender<P>,
    back: Receiver<Result<R, StoreError>>,
}

impl<P: Send, R: Send> Lane<P, R> {
    fn start<'scope, 'env, W>(scope: &'scope thread::Scope<'scope, 'env>, work: &'env W) -> Self
    where
        P: 'scope,
        R: 'scope,
        W: Fn(P) -> Result<R, StoreError> + Sync,
    {
        let (to, pieces) = sync_channel::<P>(PIECES_PER_LANE);
        let (results, back) = sync_channel(PIECES_PER_LANE);
        scope.spawn(move || {
            for piece in pieces {
                if results.send(work(piece)).is_err() {
                    break;
                }
            }
        });
        Self { to, back }
    }

    fn send(&self, piece: P) -> Result<(), StoreError> {
        self.to.send(piece).map_err(|_| stopped())
    }

    fn receive(&self) -> Result<R, StoreError> {
        self.back.recv().map_err(|_| stopped())?
    }
}

/// A worker that panicked; the scope hands the panic on.
fn stopped() -> StoreError {
    StoreError::Unreadable("a worker thread stopped".to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn run(count: usize, stop_after: usize) -> Vec<usize> {
        let mut next = 0;
        let mut out = Vec::new();
        staged(
            || {
                next += 1;
                Ok((next <= count).then_some(next))
            },
            |piece| Ok(piece * 10),
            |result| {
                out.push(result);
                Ok(if out.len() == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
        )
        .unwrap();
        out
    }

    #[test]
    fn pieces_come_out_in_order() {
        for count in [0, 1, 2, 3, 7, 100] {
            assert_eq!(run(count, usize::MAX), (1..=count).map(|piece| piece * 10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_can_stop_early() {
        assert_eq!(run(100, 3), [10, 20, 30]);
        assert_eq!(run(100, 99).len(), 99);
    }

    #[test]
    fn an_error_at_any_stage_ends_it() {
        for failing in 0..3 {
            let mut next = 0;
            let fail = |stage: usize, piece: usize| {
                if stage == failing && piece == 5 { Err(StoreError::Busy) } else { Ok(piece) }
            };
            let result = staged(
                || {
                    next += 1;
                    fail(0, next).map(|piece| (piece <= 50).then_some(piece))
                },
                |piece| fail(1, piece),
                |piece| fail(2, piece).map(|_| ControlFlow::Continue(())),
            );
            assert!(matches!(result, Err(StoreError::Busy)));
        }
    }
}
