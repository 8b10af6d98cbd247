use fabric_protos::common::msp_principal::Classification;
use fabric_protos::common::signature_policy::{NOutOf, Type};
use fabric_protos::common::{
    MspPrincipal, MspRole, SignaturePolicy as Rules, SignaturePolicyEnvelope,
};
use prost::Message as _;

use super::{Role, SignaturePolicy};

/// Gates inside gates, at most: far more than a reviewer could follow.
const DEPTH_MAX: usize = 32;

/// Reads a policy in Fabric's policy language.
///
/// A policy is a gate: `AND(…)`, `OR(…)` or `OutOf(n, …)`, whose parts are gates or quoted
/// principals `'<MSP id>.<role>'`, with role `member`, `admin`, `client`, `peer` or `orderer`.
/// Gates are also written `And`, `and`, `Or`, `or`, `outof`, `OUTOF`.
///
/// Unlike Fabric, a gate that asks for more parts than it has is refused: nobody could satisfy it.
pub fn parse(text: &str) -> Result<SignaturePolicy, ParsePolicyError> {
    let envelope = parse_wire(text)?;
    SignaturePolicy::from_wire(&envelope)
        .map_err(|err| ParsePolicyError { at: 0, message: err.to_string() })
}

impl SignaturePolicy {
    /// Reads a policy in Fabric's policy language into the wire form, with the identities in the
    /// order in which Fabric's own commands list them.
    pub fn parse_envelope(text: &str) -> Result<SignaturePolicyEnvelope, ParsePolicyError> {
        parse_wire(text)
    }
}

/// What is wrong with a policy text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at} of the policy: {message}")]
pub struct ParsePolicyError {
    /// Position in characters, from 1; the position after the end if the text is too short.
    pub at: usize,
    /// What was expected there.
    pub message: String,
}

pub(super) fn parse_wire(text: &str) -> Result<SignaturePolicyEnvelope, ParsePolicyError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser { chars: &chars, at: 0, identities: Vec::new() };
    parser.skip_space();
    let rule = parser.gate(1)?;
    parser.skip_space();
    if parser.peek().is_some() {
        return parser.fail("nothing may follow the policy");
    }
    Ok(SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities: parser.identities })
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    identities: Vec<MspPrincipal>,
}

/// A part of a gate. Principals are numbered when the gate around them ends, after those of the
/// gates inside it.
enum Part {
    Gate(Rules),
    Principal(MspPrincipal),
}

type Parsed<T> = Result<T, ParsePolicyError>;

impl Parser<'_> {
    fn gate(&mut self, depth: usize) -> Parsed<Rules> {
        let start = self.at;
        if depth > DEPTH_MAX {
            return self.fail(&format!("gates may be nested {DEPTH_MAX} deep"));
        }
        let name = self.word();
        let wanted = match name.as_str() {
            "AND" | "And" | "and" => Wanted::All,
            "OR" | "Or" | "or" => Wanted::One,
            "OutOf" | "outof" | "OUTOF" => Wanted::Given,
            _ => {
                self.at = start;
                return self.fail("AND(…), OR(…) or OutOf(n, …) expected");
            }
        };
        self.expect('(')?;
        let given = if wanted == Wanted::Given {
            let number = self.number()?;
            self.expect(',')?;
            number
        } else {
            0
        };
        let mut parts = Vec::new();
        loop {
            parts.push(self.part(depth)?);
            self.skip_space();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(')') => break,
                _ => return self.fail("`,` or `)` expected"),
            }
        }
        self.at += 1;
        let count = i32::try_from(parts.len()).unwrap_or(i32::MAX);
        let n = match wanted {
            Wanted::All => count,
            Wanted::One => 1,
            Wanted::Given if given > count => {
                self.at = start;
                return self.fail(&format!("{given} of {count} parts can never be satisfied"));
            }
            Wanted::Given => given,
        };
        let rules = parts.into_iter().map(|part| self.number_principal(part)).collect();
        Ok(Rules { r#type: Some(Type::NOutOf(NOutOf { n, rules })) })
    }

    fn number_principal(&mut self, part: Part) -> Rules {
        match part {
            Part::Gate(rules) => rules,
            Part::Principal(principal) => {
                let index = i32::try_from(self.identities.len()).unwrap_or(i32::MAX);
                self.identities.push(principal);
                Rules { r#type: Some(Type::SignedBy(index)) }
            }
        }
    }

    fn part(&mut self, depth: usize) -> Parsed<Part> {
        self.skip_space();
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.principal(quote).map(Part::Principal),
            Some(letter) if letter.is_ascii_alphabetic() => self.gate(depth + 1).map(Part::Gate),
            _ => self.fail("a gate or a quoted principal such as 'Org1MSP.peer' expected"),
        }
    }

    fn principal(&mut self, quote: char) -> Parsed<MspPrincipal> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                Some(end) if end == quote => break,
                Some(inside) => text.push(inside),
                None => return self.fail(&format!("closing {quote} expected")),
            }
            self.at += 1;
        }
        self.at += 1;
        match principal(&text) {
            Some(principal) => Ok(principal),
            None => {
                self.at = start;
                self.fail("'<MSP id>.<member, admin, client, peer or orderer>' expected")
            }
        }
    }

    fn number(&mut self) -> Parsed<i32> {
        self.skip_space();
        let start = self.at;
        let digits = self.word();
        match digits.parse() {
            Ok(number) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
            _ => {
                self.at = start;
                self.fail("a number of parts expected")
            }
        }
    }

    fn expect(&mut self, wanted: char) -> Parsed<()> {
        self.skip_space();
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        self.fail(&format!("`{wanted}` expected"))
    }

    fn word(&mut self) -> String {
        let rest = self.chars.get(self.at..).unwrap_or(&[]);
        let word: String = rest.iter().take_while(|c| c.is_ascii_alphanumeric()).collect();
        self.at += word.len();
        word
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn fail<T>(&self, message: &str) -> Parsed<T> {
        Err(ParsePolicyError { at: self.at + 1, message: message.to_owned() })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    One,
    Given,
}

fn principal(text: &str) -> Option<MspPrincipal> {
    let (msp_id, role) = text.rsplit_once('.')?;
    let role = match role {
        "member" => Role::Member,
        "admin" => Role::Admin,
        "client" => Role::Client,
        "peer" => Role::Peer,
        "orderer" => Role::Orderer,
        _ => return None,
    };
    let known = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if msp_id.is_empty() || !msp_id.chars().all(known) {
        return None;
    }
    let role = MspRole { msp_identifier: msp_id.to_owned(), role: role.into() };
    Some(MspPrincipal {
        principal_classification: Classification::Role.into(),
        principal: role.encode_to_vec().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Principal;

    /// Rules as `2(0,1(2))`, then the principals.
    fn show(text: &str) -> String {
        fn rules(rule: &Rules, out: &mut String) {
            match rule.r#type.as_ref().unwrap() {
                Type::SignedBy(index) => out.push_str(&index.to_string()),
                Type::NOutOf(NOutOf { n, rules: parts }) => {
                    out.push_str(&format!("{n}("));
                    for (i, part) in parts.iter().enumerate() {
                        out.push_str(if i == 0 { "" } else { "," });
                        rules(part, out);
                    }
                    out.push(')');
                }
            }
        }
        let envelope = parse_wire(text).unwrap();
        let mut out = String::new();
        rules(envelope.rule.as_ref().unwrap(), &mut out);
        for identity in &envelope.identities {
            let Principal::Role { msp_id, role } = Principal::from_wire(identity) else {
                panic!("a role expected")
            };
            out.push_str(&format!(" {msp_id}:{}", role.as_str_name()));
        }
        out
    }

    #[test]
    fn policies_are_read_as_fabric_reads_them() {
        let check = |text, expected: &str| assert_eq!(show(text), expected, "{text}");
        check("AND('A.peer','B.member')", "2(0,1) A:PEER B:MEMBER");
        check("OR('A.admin', \"B.client\")", "1(0,1) A:ADMIN B:CLIENT");
        check("  OutOf( 1 , 'A.orderer' ) ", "1(0) A:ORDERER");
        check("and('org-1.example.com.peer')", "1(0) org-1.example.com:PEER");
        check("outof(0, 'A.peer')", "0(0) A:PEER");
        // Gates inside are numbered before the principals beside them.
        check("OR('A.peer', AND('B.peer', 'C.peer'))", "1(2,2(0,1)) B:PEER C:PEER A:PEER");
        check("AND('A.peer', 'A.peer')", "2(0,1) A:PEER A:PEER");
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let check = |text: &str, at: usize, message: &str| {
            let err = parse(text).unwrap_err();
            assert_eq!((err.at, err.message.as_str()), (at, message), "{text}");
        };
        let gate = "AND(…), OR(…) or OutOf(n, …) expected";
        let part = "a gate or a quoted principal such as 'Org1MSP.peer' expected";
        let principal = "'<MSP id>.<member, admin, client, peer or orderer>' expected";
        check("", 1, gate);
        check("'A.peer'", 1, gate);
        check("XOR('A.peer')", 1, gate);
        check("AND 'A.peer'", 5, "`(` expected");
        check("AND()", 5, part);
        check("AND('A.peer',)", 14, part);
        check("AND('A.peer'", 13, "`,` or `)` expected");
        check("AND('A.peer' 'B.peer')", 14, "`,` or `)` expected");
        check("AND('A.peer", 12, "closing ' expected");
        check("AND('A.boss')", 5, principal);
        check("AND('peer')", 5, principal);
        check("AND('.peer')", 5, principal);
        check("AND('A_B.peer')", 5, principal);
        check("AND('A.peer') x", 15, "nothing may follow the policy");
        check("OutOf('A.peer')", 7, "a number of parts expected");
        check("OutOf(1x, 'A.peer')", 7, "a number of parts expected");
        check("OutOf(99999999999, 'A.peer')", 7, "a number of parts expected");
        check("OutOf(1 'A.peer')", 9, "`,` expected");
        check("OutOf(2, 'A.peer')", 1, "2 of 1 parts can never be satisfied");
        check("OR('A.peer', nor('B.peer'))", 14, gate);
        let deep = "OR(".repeat(40) + "'A.peer'" + &")".repeat(40);
        check(&deep, 97, "gates may be nested 32 deep");
        let err = parse("AND(").unwrap_err().to_string();
        assert_eq!(err, format!("at character 5 of the policy: {part}"));
    }
}
