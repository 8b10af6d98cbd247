//! Recordings of real peers: what `recorded/` holds.
//!
//! A file is compressed by gzip. What it contains is a line that names the format, and records:
//! a letter that tells the kind, the length as a varint as protobuf has it, and so many bytes.

use std::io::{Read as _, Write as _};

use bytes::{Buf, Bytes};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use prost::encoding::{decode_varint, encode_varint};

use crate::JudgeError;

const FORMAT: &[u8] = b"fabric-judge recording 1\n";
/// Bytes of a recording at most: what a test wants to hold in memory.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One entry of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// Its content.
    pub bytes: Bytes,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An organisation's certificate authority: MSP id, a line feed, PEM.
    Root,
    /// A `Block` as a peer keeps it.
    Block,
    /// A `ChaincodeMessage` of a peer.
    FromPeer,
    /// A `ChaincodeMessage` of a chaincode.
    FromChaincode,
}

impl Kind {
    const ALL: [(Self, u8); 4] = [
        (Self::Root, b'r'),
        (Self::Block, b'b'),
        (Self::FromPeer, b'p'),
        (Self::FromChaincode, b'c'),
    ];

    fn byte(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, byte)| *byte)
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == byte).map(|(kind, _)| *kind)
    }
}

/// The bytes of a recording's file.
///
/// ```
/// use fabric_judge::recording::{Kind, Record, read, write};
///
/// let records = [Record { kind: Kind::Block, bytes: "block".into() }];
/// assert_eq!(read(&write(&records)?)?, records);
/// # Ok::<(), fabric_judge::JudgeError>(())
/// ```
pub fn write(records: &[Record]) -> Result<Vec<u8>, JudgeError> {
    let mut content = FORMAT.to_vec();
    for Record { kind, bytes } in records {
        content.push(kind.byte());
        encode_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), &mut content);
        content.extend_from_slice(bytes);
    }
    let mut file = GzEncoder::new(Vec::new(), Compression::best());
    file.write_all(&content)?;
    Ok(file.finish()?)
}

/// Reads a recording's file.
pub fn read(file: &[u8]) -> Result<Vec<Record>, JudgeError> {
    let damaged = || JudgeError::Recording;
    let mut content = Vec::new();
    GzDecoder::new(file).take(BYTES_MAX).read_to_end(&mut content).map_err(|_| damaged())?;
    let mut content = Bytes::from(content);
    if !content.starts_with(FORMAT) {
        return Err(damaged());
    }
    content.advance(FORMAT.len());
    let mut records = Vec::new();
    while content.has_remaining() {
        let kind = Kind::from_byte(content.get_u8()).ok_or_else(damaged)?;
        let length = decode_varint(&mut content)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= content.len());
        let bytes = content.split_to(length.ok_or_else(damaged)?);
        records.push(Record { kind, bytes });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let records = Kind::ALL.map(|(kind, _)| Record { kind, bytes: vec![7; 300].into() });
        assert_eq!(read(&write(&records).unwrap()).unwrap(), records);
        assert_eq!(read(&write(&[]).unwrap()).unwrap(), []);
    }

    #[test]
    fn damaged_files_are_refused() {
        let file = write(&[Record { kind: Kind::Block, bytes: "block".into() }]).unwrap();
        for cut in 0..file.len() {
            assert!(read(&file[..cut]).is_err(), "{cut}");
        }
        let check = |content: &[u8]| {
            let mut file = GzEncoder::new(Vec::new(), Compression::fast());
            file.write_all(content).unwrap();
            assert!(read(&file.finish().unwrap()).is_err(), "{content:?}");
        };
        check(b"another format\n");
        check(&[FORMAT, b"x\x01a"].concat());
        check(&[FORMAT, b"b\x02a"].concat());
        check(&[FORMAT, b"b\xff"].concat());
    }
}
