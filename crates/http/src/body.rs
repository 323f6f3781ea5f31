//! Bodies of replies, read up to a cap, and large ones one after the other.

use http_body_util::BodyExt;
use tokio::sync::Semaphore;

/// What every reply may be long without waiting for others, in bytes. Nearly all of them are shorter.
const SMALL: usize = 256 << 10;

/// Who reads a large reply: of all that are asked for at the same time, one grows to its cap, and is done with before the next one does. Else
/// the memory of a run would be bounded by its largest reply times the number of its requests.
static LARGE: Semaphore = Semaphore::const_new(1);

/// Why a body was not read to its end.
#[derive(Debug)]
pub enum BodyError<E> {
    /// It is longer than it may be.
    TooLarge,
    /// It broke off.
    Broken(E),
}

/// Reads a body of at most `cap` bytes into `read`, which holds what came before an error too.
///
/// # Errors
/// [`BodyError`].
pub async fn read_body<B>(
    body: B,
    cap: usize,
    read: &mut Vec<u8>,
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
            return Err(BodyError::TooLarge);
        }
        if length > SMALL && turn.is_none() {
            turn = LARGE.acquire().await.ok();
        }
        read.extend_from_slice(piece);
    }
    Ok(())
}
