//! A model's answer on its way: its delays, its head, and a body that comes as it was said to come.

use super::reply::Reply;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Waits as long as the answer does, and gives its head and the body that follows.
pub(crate) async fn response(
    mut reply: Reply,
    is_head: bool,
) -> Result<http::Response<Flow>, std::io::Error> {
    while let Reply::After(wait, inner) = reply {
        tokio::time::sleep(wait).await;
        reply = *inner;
    }
    match reply {
        Reply::Dropped | Reply::After(..) => Err(std::io::Error::other("dropped on purpose")),
        Reply::Silent => std::future::pending().await,
        Reply::Broken {
            status,
            headers,
            body,
        } => {
            let mut response = http::Response::builder()
                .status(status)
                .header("content-length", body.len().max(2));
            for (name, value) in headers
                .into_iter()
                .filter(|(name, _)| name != "content-length")
            {
                response = response.header(name, value);
            }
            response
                .body(Flow::broken(Bytes::from(body)))
                .map_err(std::io::Error::other)
        }
        Reply::Whole {
            status,
            headers,
            body,
        } => {
            let mut response = http::Response::builder().status(status);
            if is_head && !headers.iter().any(|(name, _)| name == "content-length") {
                response = response.header("content-length", body.len());
            }
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let piece = if is_head {
                Bytes::new()
            } else {
                Bytes::from(body)
            };
            response
                .body(Flow::once(piece))
                .map_err(std::io::Error::other)
        }
        Reply::Flood {
            status,
            bytes,
            pause,
        } => http::Response::builder()
            .status(status)
            .body(Flow::flood(bytes, pause))
            .map_err(std::io::Error::other),
    }
}

/// A body: one piece, or the same piece many times; one that breaks off ends with an error.
pub(crate) struct Flow {
    piece: Bytes,
    left: u64,
    pause: Duration,
    breaks: bool,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Flow {
    fn once(piece: Bytes) -> Self {
        let left = piece.len() as u64;
        Self {
            piece,
            left,
            pause: Duration::ZERO,
            breaks: false,
            sleep: None,
        }
    }

    /// The first half of it.
    fn broken(mut whole: Bytes) -> Self {
        whole.truncate(whole.len() / 2);
        Self {
            breaks: true,
            ..Self::once(whole)
        }
    }

    fn flood(bytes: u64, pause: Duration) -> Self {
        let size = if pause.is_zero() { 1 << 16 } else { 1 };
        Self {
            piece: Bytes::from(vec![b'a'; size]),
            left: bytes,
            pause,
            breaks: false,
            sleep: None,
        }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            let broken = || Err(std::io::Error::other("broken off on purpose"));
            return Poll::Ready(self.breaks.then(broken));
        }
        if !self.pause.is_zero() {
            let pause = self.pause;
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        let piece = self.piece.clone();
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        if self.pause.is_zero() && !self.breaks {
            SizeHint::with_exact(self.left)
        } else {
            SizeHint::default()
        }
    }
}
