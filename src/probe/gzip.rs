//! Bodies that are compressed with gzip, decoded as far as they are read.

use flate2::read::MultiGzDecoder;
use std::io::Read as _;

/// The first `most` bytes of what a gzip stream holds. A stream that was cut off, or is none, gives what could be decoded of it.
pub(super) fn decoded(bytes: &[u8], most: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut stream = MultiGzDecoder::new(bytes).take(most);
    // What was decoded before an error is in `text`.
    let _ = stream.read_to_end(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn a_stream_is_decoded_up_to_the_limit() {
        assert_eq!(decoded(&encoded(b"4f2c1d9"), 100), b"4f2c1d9");
        let bomb = encoded(&vec![b'a'; 10 << 20]);
        assert_eq!(decoded(&bomb, 1000).len(), 1000);
    }

    #[test]
    fn what_is_cut_off_gives_its_beginning_and_what_is_no_stream_gives_nothing() {
        let text: Vec<u8> = (0..20_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let whole = encoded(&text);
        let half = decoded(&whole[..whole.len() / 2], 1 << 20);
        assert!(!half.is_empty() && text.starts_with(&half));
        assert!(decoded(b"<html>", 100).is_empty());
        assert!(decoded(b"", 100).is_empty());
    }
}
