//! Which blocks a client asks for.

use fabric_ledger::Timestamp;
use fabric_protos::common::{ChannelHeader, Envelope, Payload, SignatureHeader, Status};
use fabric_protos::orderer::SeekInfo;
use fabric_protos::orderer::seek_info::{SeekBehavior, SeekContentType};
use fabric_protos::orderer::seek_position::Type as Position;
use prost::Message as _;

/// A request as it is signed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) channel: ChannelHeader,
    pub(super) signature: SignatureHeader,
    /// A marshalled `SeekInfo`, which is read only once the channel is known.
    pub(super) seek: bytes::Bytes,
}

impl Request {
    pub(super) fn read(envelope: &Envelope) -> Option<Self> {
        let payload = Payload::decode(envelope.payload.clone()).ok()?;
        let header = payload.header?;
        Some(Self {
            channel: ChannelHeader::decode(header.channel_header).ok()?,
            signature: SignatureHeader::decode(header.signature_header).ok()?,
            seek: payload.data,
        })
    }

    /// The client's clock; without it a request is not taken.
    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        let at = self.channel.timestamp?;
        Some(Timestamp { seconds: at.seconds, nanos: at.nanos })
    }
}

/// Blocks from one number on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) next: u64,
    /// The last block. One before the first is never reached.
    pub(super) last: u64,
    /// Whether to wait for blocks that are not there yet.
    pub(super) waits: bool,
    /// Whether to leave out what transactions say.
    pub(super) headers_only: bool,
}

impl Range {
    /// Resolves positions on a chain of so many blocks, with a peer's answers to odd ones.
    pub(super) fn resolve(seek: &SeekInfo, height: u64) -> Result<Self, Status> {
        let (Some(start), Some(stop)) = (&seek.start, &seek.stop) else {
            return Err(Status::BadRequest);
        };
        let newest = height.saturating_sub(1);
        let next = match start.r#type.as_ref().ok_or(Status::NotFound)? {
            Position::Oldest(_) => 0,
            Position::Newest(_) => newest,
            Position::NextCommit(_) => height,
            // Further than the next block nobody can wait.
            Position::Specified(at) if at.number > height => return Err(Status::NotFound),
            Position::Specified(at) => at.number,
        };
        let last = match &stop.r#type {
            Some(Position::Oldest(_)) => next,
            Some(Position::Newest(_)) => newest,
            Some(Position::Specified(at)) if at.number < next => return Err(Status::BadRequest),
            Some(Position::Specified(at)) => at.number,
            Some(Position::NextCommit(_)) | None => 0,
        };
        Ok(Self {
            next,
            last,
            waits: seek.behavior != i32::from(SeekBehavior::FailIfNotReady),
            headers_only: seek.content_type == i32::from(SeekContentType::HeaderWithSig),
        })
    }
}

#[cfg(test)]
mod tests {
    use fabric_protos::orderer::{
        SeekNewest, SeekNextCommit, SeekOldest, SeekPosition, SeekSpecified,
    };

    use super::*;

    fn position(text: &str) -> Option<SeekPosition> {
        let position = match text {
            "none" => return None,
            "nothing" => return Some(SeekPosition { r#type: None }),
            "oldest" => Position::Oldest(SeekOldest {}),
            "newest" => Position::Newest(SeekNewest {}),
            "next" => Position::NextCommit(SeekNextCommit {}),
            number => Position::Specified(SeekSpecified { number: number.parse().unwrap() }),
        };
        Some(SeekPosition { r#type: Some(position) })
    }

    /// On a chain of blocks 0 to 4.
    fn check(start: &str, stop: &str, expected: Result<(u64, u64), Status>) {
        let seek = SeekInfo { start: position(start), stop: position(stop), ..Default::default() };
        let found = Range::resolve(&seek, 5).map(|range| (range.next, range.last));
        assert_eq!(found, expected, "{start}..{stop}");
    }

    #[test]
    fn positions_are_resolved_as_a_peer_does() {
        check("oldest", "newest", Ok((0, 4)));
        check("oldest", "oldest", Ok((0, 0)));
        check("newest", "newest", Ok((4, 4)));
        check("newest", "18446744073709551615", Ok((4, u64::MAX)));
        check("next", "7", Ok((5, 7)));
        check("2", "3", Ok((2, 3)));
        check("3", "2", Err(Status::BadRequest));
        check("5", "5", Ok((5, 5)));
        check("6", "6", Err(Status::NotFound));
        check("3", "oldest", Ok((3, 3)));
        check("next", "newest", Ok((5, 4)));
        check("oldest", "next", Ok((0, 0)));
        check("oldest", "nothing", Ok((0, 0)));
        check("nothing", "newest", Err(Status::NotFound));
        check("none", "newest", Err(Status::BadRequest));
        check("oldest", "none", Err(Status::BadRequest));
    }
}
