use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{ChaincodeAdditionalParams, ChaincodeId, ChaincodeMessage};
use prost::Message;

/// A peer that offers batches smaller than this is raised to it: it never checks the number, and
/// the other shims do the same.
const BATCH_COUNT_FLOOR: u32 = 100;

/// What the peer offers beyond single reads and writes: the largest number of keys a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) write_batch: Option<usize>,
    pub(crate) multi_get: Option<usize>,
}

impl Features {
    /// Peers before 3.1 send nothing here; what cannot be decoded is taken for nothing too,
    /// because a message that the peer does not know ends the stream.
    fn from_ready(payload: &[u8]) -> Self {
        let Ok(offer) = ChaincodeAdditionalParams::decode(payload) else {
            return Self::default();
        };
        let count = |size: u32| usize::try_from(size.max(BATCH_COUNT_FLOOR)).unwrap_or(usize::MAX);
        Self {
            write_batch: offer.use_write_batch.then(|| count(offer.max_size_write_batch)),
            multi_get: offer.use_get_multiple_keys.then(|| count(offer.max_size_get_multiple_keys)),
        }
    }
}

/// How far the conversation with one peer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    /// REGISTER is sent.
    Registering,
    /// The peer knows the chaincode id and is about to say what it offers.
    Registered,
    /// Transactions may come.
    Ready(Features),
}

/// What a message from the peer calls for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Wait,
    /// Send the message back as it is.
    Echo,
    /// Run a transaction with what the peer offers.
    Run(Features),
    /// Hand it to the transaction that asked.
    Deliver,
    /// End the stream: the peer speaks something else.
    Close(Violation),
}

/// A message that the protocol does not have in this state.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("the peer sent {message} while the stream was {state}")]
    Unexpected { message: &'static str, state: &'static str },
    #[error("the peer sent a message of unknown type {0}")]
    Unknown(i32),
}

impl Session {
    /// The first message of every stream.
    pub(crate) fn register(chaincode_id: &str) -> ChaincodeMessage {
        let id = ChaincodeId { name: chaincode_id.to_owned(), ..Default::default() };
        ChaincodeMessage {
            r#type: Type::Register.into(),
            payload: id.encode_to_vec().into(),
            ..Default::default()
        }
    }

    /// Takes the next message: the new state and what to do.
    pub(crate) fn on(self, message: &ChaincodeMessage) -> (Self, Action) {
        let Ok(kind) = Type::try_from(message.r#type) else {
            return (self, Action::Close(Violation::Unknown(message.r#type)));
        };
        match (self, kind) {
            (state, Type::Keepalive) => (state, Action::Echo),
            (Self::Registering, Type::Registered) => (Self::Registered, Action::Wait),
            (Self::Registered, Type::Ready) => {
                (Self::Ready(Features::from_ready(&message.payload)), Action::Wait)
            }
            (Self::Ready(features), Type::Transaction | Type::Init) => {
                (self, Action::Run(features))
            }
            (Self::Ready(_), Type::Response | Type::Error) => (self, Action::Deliver),
            (state, kind) => {
                let message = kind.as_str_name();
                let state_name = state.name();
                (state, Action::Close(Violation::Unexpected { message, state: state_name }))
            }
        }
    }

    /// Whether the handshake is over.
    pub(crate) fn is_ready(self) -> bool {
        matches!(self, Self::Ready(_))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::Ready(_) => "ready",
        }
    }

    /// What an operator should look at when the peer stays silent.
    pub(crate) fn silence(self, chaincode_id: &str) -> String {
        match self {
            Self::Registering => format!(
                "the peer does not answer REGISTER of chaincode id {chaincode_id:?}: most likely it \
                 has no chaincode installed under that id. Compare it with what `peer lifecycle \
                 chaincode queryinstalled` prints on the peer, and start this server with exactly \
                 that package id"
            ),
            Self::Registered | Self::Ready(_) => format!(
                "the peer accepted chaincode id {chaincode_id:?} but does not become ready: look \
                 for the reason in the peer's log"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [Session; 3] = [
        Session::Registering,
        Session::Registered,
        Session::Ready(Features { write_batch: None, multi_get: None }),
    ];

    fn message(kind: Type) -> ChaincodeMessage {
        ChaincodeMessage { r#type: kind.into(), ..Default::default() }
    }

    /// `expected` has a letter for each state: w(ait), e(cho), r(un), d(eliver), c(lose).
    fn check(kind: Type, expected: &str) {
        let got: String = STATES
            .iter()
            .map(|state| match state.on(&message(kind)).1 {
                Action::Wait => 'w',
                Action::Echo => 'e',
                Action::Run(_) => 'r',
                Action::Deliver => 'd',
                Action::Close(_) => 'c',
            })
            .collect();
        assert_eq!(got, expected, "{}", kind.as_str_name());
    }

    #[test]
    fn each_message_in_each_state() {
        check(Type::Keepalive, "eee");
        check(Type::Registered, "wcc");
        check(Type::Ready, "cwc");
        check(Type::Transaction, "ccr");
        check(Type::Init, "ccr");
        check(Type::Response, "ccd");
        check(Type::Error, "ccd");
        for kind in [
            Type::Undefined,
            Type::Register,
            Type::Completed,
            Type::GetState,
            Type::PutState,
            Type::DelState,
            Type::InvokeChaincode,
            Type::GetStateByRange,
            Type::GetQueryResult,
            Type::QueryStateNext,
            Type::QueryStateClose,
            Type::GetHistoryForKey,
            Type::GetStateMetadata,
            Type::PutStateMetadata,
            Type::GetPrivateDataHash,
            Type::PurgePrivateData,
            Type::WriteBatchState,
            Type::GetStateMultiple,
        ] {
            check(kind, "ccc");
        }
    }

    #[test]
    fn unknown_type_closes() {
        for state in STATES {
            let unknown = ChaincodeMessage { r#type: 99, ..Default::default() };
            assert_eq!(state.on(&unknown), (state, Action::Close(Violation::Unknown(99))));
        }
    }

    #[test]
    fn first_message_names_the_chaincode_and_nothing_else() {
        let register = Session::register("cc:1");
        assert_eq!(register.r#type(), Type::Register);
        assert_eq!(ChaincodeId::decode(register.payload).unwrap().name, "cc:1");
        assert_eq!((register.txid, register.channel_id), (String::new(), String::new()));
    }

    fn ready(payload: Vec<u8>) -> Session {
        let message = ChaincodeMessage { payload: payload.into(), ..message(Type::Ready) };
        Session::Registered.on(&message).0
    }

    fn offers(batch: (bool, u32), multi: (bool, u32), write: Option<usize>, get: Option<usize>) {
        let offer = ChaincodeAdditionalParams {
            use_write_batch: batch.0,
            max_size_write_batch: batch.1,
            use_get_multiple_keys: multi.0,
            max_size_get_multiple_keys: multi.1,
        };
        let features = Features { write_batch: write, multi_get: get };
        assert_eq!(ready(offer.encode_to_vec()), Session::Ready(features));
    }

    #[test]
    fn what_ready_offers() {
        offers((true, 1000), (true, 500), Some(1000), Some(500));
        offers((true, 0), (true, 99), Some(100), Some(100));
        offers((true, 100), (false, 1000), Some(100), None);
        offers((false, 1000), (true, 101), None, Some(101));
        offers((false, 0), (false, 0), None, None);
        assert_eq!(ready(Vec::new()), Session::Ready(Features::default()));
        assert_eq!(ready(vec![0xff; 7]), Session::Ready(Features::default()));
    }

    #[test]
    fn silence_names_the_id_and_the_command_to_compare() {
        let text = Session::Registering.silence("cc:1");
        assert!(text.contains("\"cc:1\"") && text.contains("queryinstalled"), "{text}");
        assert!(Session::Registered.silence("cc:1").contains("peer's log"));
    }
}
