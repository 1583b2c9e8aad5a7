//! Writes the body of PutLogEvents (AWS JSON 1.1), compressed as it is written.
//!
//! The body is made once and signed as it goes over the wire. Easy to break: what CloudWatch counts is the uncompressed
//! text, so compression changes no limit.
//!
//! Pure: no I/O, no clock, no tasks.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::record::{StreamName, Wall};

/// A fifth fewer bytes on the wire than level 1, for half a microsecond of CPU time a line
/// (docs/decisions/0002-compression.md).
const LEVEL: Compression = Compression::new(2);
/// Handed to the compressor in pieces of about this size.
const PIECE_BYTES: usize = 32 * 1024;

/// The body with `records` for `to`.
///
/// # Errors
/// None that writing to memory could give.
pub fn body<'a>(
    to: &StreamName,
    records: impl Iterator<Item = (Wall, &'a str)>,
    expected_bytes: usize,
    is_gzip: bool,
) -> io::Result<Vec<u8>> {
    if !is_gzip {
        let mut body = Vec::with_capacity(expected_bytes);
        write_json(&mut body, to, records)?;
        return Ok(body);
    }
    let mut compressor = GzEncoder::new(Vec::with_capacity(expected_bytes / 5), LEVEL);
    let mut piece = Pieces { inner: &mut compressor, buffer: Vec::with_capacity(PIECE_BYTES * 2) };
    write_json(&mut piece, to, records)?;
    piece.flush()?;
    compressor.finish()
}

fn write_json<'a>(
    out: &mut impl Write,
    to: &StreamName,
    records: impl Iterator<Item = (Wall, &'a str)>,
) -> io::Result<()> {
    out.write_all(b"{\"logGroupName\":")?;
    serde_json::to_writer(&mut *out, &*to.group)?;
    out.write_all(b",\"logStreamName\":")?;
    serde_json::to_writer(&mut *out, &*to.stream)?;
    out.write_all(b",\"logEvents\":[")?;
    let mut separator: &[u8] = b"{\"timestamp\":";
    for (at, message) in records {
        out.write_all(separator)?;
        serde_json::to_writer(&mut *out, &at.0)?;
        out.write_all(b",\"message\":")?;
        serde_json::to_writer(&mut *out, message)?;
        separator = b"},{\"timestamp\":";
    }
    out.write_all(if separator[0] == b'}' { b"}]}" } else { b"]}" })
}

/// Gathers the many small writes of JSON into few large ones.
struct Pieces<'a, W: Write> {
    inner: &'a mut W,
    buffer: Vec<u8>,
}

impl<W: Write> Write for Pieces<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn stream() -> StreamName {
        StreamName { group: "/g".into(), stream: "s\"1".into() }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_it_was(messages in proptest::collection::vec(".{1,80}", 0..50), is_gzip: bool) {
            let records = messages.iter().map(|message| (Wall(1_700_000_000_123), message.as_str()));
            let body = body(&stream(), records, 100, is_gzip).unwrap();
            let mut text = Vec::new();
            if is_gzip {
                flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            } else {
                text = body;
            }
            let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(&read["logGroupName"], "/g");
            prop_assert_eq!(&read["logStreamName"], "s\"1");
            let events = read["logEvents"].as_array().unwrap();
            prop_assert_eq!(events.len(), messages.len());
            for (event, message) in events.iter().zip(&messages) {
                prop_assert_eq!(event["timestamp"].as_i64(), Some(1_700_000_000_123));
                prop_assert_eq!(event["message"].as_str(), Some(message.as_str()));
            }
        }
    }
}
