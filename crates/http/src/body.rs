//! Bodies of replies: how long they may take, and how much of them is read.

use super::clock::Deadline;
use super::exchange::{Body, ExchangeError};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::Semaphore;
use tokio::time::Sleep;

/// What every reply may be long without waiting for others, in bytes. Nearly all of them are shorter.
const SMALL: usize = 256 << 10;

/// A body that fails when its time is over.
pub(super) struct Timed {
    body: Body,
    over: Pin<Box<Sleep>>,
}

impl Timed {
    pub(super) fn new(body: Body, deadline: &Deadline) -> Self {
        Self {
            body,
            over: Box::pin(deadline.reached()),
        }
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = ExchangeError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(ExchangeError::timed_out())));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub enum BodyError<E> {
    /// It is longer than it may be.
    TooLarge,
    /// It broke off.
    Broken(E),
}

/// Reads a body of at most `cap` bytes into `read`, which holds what came before an error too. What is longer than [`SMALL`] takes the
/// one permit of `large` first: of all large replies one grows to its cap, and is done with before the next one does. Else the memory of a
/// run would be bounded by its largest reply times the number of its requests.
///
/// # Errors
/// [`BodyError`].
pub(super) async fn read_body<B>(
    body: B,
    cap: usize,
    read: &mut Vec<u8>,
    large: &Semaphore,
) -> Result<(), BodyError<B::Error>>
where
    B: BodyExt + Unpin,
    B::Data: AsRef<[u8]>,
{
    let mut body = body;
    let mut turn = None;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        let piece = piece.as_ref();
        let length = read.len() + piece.len();
        if length > cap {
            // Who takes the status for an answer still looks at the beginning of the body.
            read.extend_from_slice(&piece[..cap - read.len()]);
            return Err(BodyError::TooLarge);
        }
        if length > SMALL && turn.is_none() {
            turn = large.acquire().await.ok();
        }
        read.extend_from_slice(piece);
    }
    Ok(())
}
