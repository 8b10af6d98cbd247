use crate::{LedgerError, PAGE_ENTRIES_MAX};
use std::borrow::Cow;
use std::fmt;

/// Separates the parts of a composite key and opens it.
const SEPARATOR: char = '\0';
/// Above every character a part may hold: ends the range of all keys below a prefix.
const AFTER_ALL: char = '\u{10FFFF}';

/// Why a text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Fabric stores no value under the empty key.
    #[error("a key must not be empty")]
    Empty,
    /// U+0000 and U+10FFFF delimit composite keys and ranges, so no part may hold them.
    #[error("a key part must not hold U+0000 or U+10FFFF")]
    ReservedCharacter,
    /// A stored key that does not have the parts its table declares.
    #[error("the key does not belong to this table")]
    ForeignKey,
}

/// A key in the form the peer stores it.
///
/// Composite keys are `U+0000 type U+0000 part U+0000 … part U+0000`, as every Fabric shim encodes
/// them; they are only made by [`Table`](crate::Table), so a table's keys cannot meet another's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey(String);

impl StateKey {
    /// A simple key, outside every table.
    ///
    /// # Errors
    /// [`KeyError::Empty`], or [`KeyError::ReservedCharacter`] when it starts with U+0000, where
    /// composite keys live.
    pub fn simple(key: &str) -> Result<Self, KeyError> {
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        if key.starts_with(SEPARATOR) {
            return Err(KeyError::ReservedCharacter);
        }
        Ok(Self(key.to_owned()))
    }

    /// A key the peer returned, taken as it is.
    pub fn from_ledger(key: String) -> Self {
        Self(key)
    }

    /// The key as it travels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys may start with a patient's secret identifiers: the table's name is all a log needs.
        let table = self.0.trim_start_matches(SEPARATOR).split(SEPARATOR).next().unwrap_or("");
        write!(f, "StateKey({table}…)")
    }
}

/// Keys from `start` (inclusive) to `end` (exclusive), in byte order.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: String,
    end: String,
}

impl KeyRange {
    /// Simple keys from `start` to before `end`; an empty bound is open. Never reaches a
    /// composite key.
    ///
    /// # Errors
    /// [`KeyError::ReservedCharacter`] when a bound starts with U+0000.
    pub fn simple(start: &str, end: &str) -> Result<Self, KeyError> {
        if start.starts_with(SEPARATOR) || end.starts_with(SEPARATOR) {
            return Err(KeyError::ReservedCharacter);
        }
        // An empty start would also cover the composite keys, which begin with U+0000.
        let start = if start.is_empty() { "\u{1}" } else { start };
        Ok(Self { start: start.to_owned(), end: end.to_owned() })
    }

    /// The inclusive lower bound as it travels.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// The exclusive upper bound as it travels; empty means unbounded.
    pub fn end(&self) -> &str {
        &self.end
    }

    /// The same range, beginning just after `key`.
    #[must_use]
    pub fn after(mut self, key: &StateKey) -> Self {
        self.start.clear();
        self.start.push_str(&key.0);
        self.start.push(SEPARATOR);
        self
    }

    /// The rest of this range from a page's bookmark on, and the page's size as it travels: for
    /// ledgers. A peer would take any key for a bookmark, also one outside the range.
    ///
    /// # Errors
    /// [`LedgerError::PageSize`], [`LedgerError::BadBookmark`].
    pub fn page(
        &self,
        size: u32,
        bookmark: Option<&str>,
    ) -> Result<(Cow<'_, Self>, i32), LedgerError> {
        let travels = i32::try_from(size).ok().filter(|_| (1..=PAGE_ENTRIES_MAX).contains(&size));
        let travels = travels.ok_or(LedgerError::PageSize(size))?;
        let Some(bookmark) = bookmark else { return Ok((Cow::Borrowed(self), travels)) };
        let before_end = self.end.is_empty() || bookmark < self.end.as_str();
        if bookmark <= self.start.as_str() || !before_end {
            return Err(LedgerError::BadBookmark);
        }
        let rest = Self { start: bookmark.to_owned(), end: self.end.clone() };
        Ok((Cow::Owned(rest), travels))
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.start.trim_start_matches(SEPARATOR).split(SEPARATOR).next().unwrap_or("");
        write!(f, "KeyRange({table}…)")
    }
}

/// One attribute of a composite key.
///
/// The text must not hold U+0000 or U+10FFFF. Where range queries rely on the order, the text must
/// sort as the values do (numbers: zero-padded).
pub trait KeyPart: Sized {
    /// The part as text.
    fn to_part(&self) -> Cow<'_, str>;
    /// The part read back from a stored key; `None` when the text is not one.
    fn from_part(text: &str) -> Option<Self>;
}

impl KeyPart for String {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
    fn from_part(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// The attributes of a table's keys: a tuple of [`KeyPart`]s.
pub trait Key: Sized {
    /// Appends every attribute in order.
    ///
    /// # Errors
    /// [`KeyError::ReservedCharacter`].
    fn write(&self, key: &mut KeyWriter) -> Result<(), KeyError>;
    /// Reads the attributes back.
    ///
    /// # Errors
    /// [`KeyError::ForeignKey`] when there are too few or one does not parse.
    fn read(parts: &mut KeyReader<'_>) -> Result<Self, KeyError>;
}

macro_rules! tuple_key {
    ($($part:ident)*) => {
        impl<$($part: KeyPart),*> Key for ($($part,)*) {
            #[expect(non_snake_case, reason = "one name serves type and value")]
            fn write(&self, key: &mut KeyWriter) -> Result<(), KeyError> {
                let ($($part,)*) = self;
                $(key.part($part)?;)*
                Ok(())
            }
            fn read(parts: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                Ok(($(parts.part::<$part>()?,)*))
            }
        }
    };
}

/// No attribute: the prefix of a whole table.
impl Key for () {
    fn write(&self, _: &mut KeyWriter) -> Result<(), KeyError> {
        Ok(())
    }
    fn read(_: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        Ok(())
    }
}

tuple_key!(A);
tuple_key!(A B);
tuple_key!(A B C);
tuple_key!(A B C D);
tuple_key!(A B C D E);
tuple_key!(A B C D E F);

/// Builds one composite key.
#[derive(Debug)]
pub struct KeyWriter(String);

impl KeyWriter {
    pub(crate) fn new(object_type: &str) -> Self {
        let mut text = String::with_capacity(96);
        text.push(SEPARATOR);
        text.push_str(object_type);
        text.push(SEPARATOR);
        Self(text)
    }

    /// Appends one attribute.
    ///
    /// # Errors
    /// [`KeyError::ReservedCharacter`].
    pub fn part(&mut self, part: &impl KeyPart) -> Result<(), KeyError> {
        self.open_part(part)?;
        self.0.push(SEPARATOR);
        Ok(())
    }

    fn open_part(&mut self, part: &impl KeyPart) -> Result<(), KeyError> {
        let text = part.to_part();
        if text.contains([SEPARATOR, AFTER_ALL]) {
            return Err(KeyError::ReservedCharacter);
        }
        self.0.push_str(&text);
        Ok(())
    }

    pub(crate) fn finish(self) -> StateKey {
        StateKey(self.0)
    }

    /// Every key that continues the attributes so far.
    pub(crate) fn all_below(self) -> KeyRange {
        let end = format!("{}{AFTER_ALL}", self.0);
        KeyRange { start: self.0, end }
    }

    /// Every key whose next attribute is at least `from` and below `until`.
    pub(crate) fn between(
        self,
        from: &impl KeyPart,
        until: &impl KeyPart,
    ) -> Result<KeyRange, KeyError> {
        let mut end = Self(self.0.clone());
        let mut start = self;
        start.open_part(from)?;
        end.open_part(until)?;
        Ok(KeyRange { start: start.0, end: end.0 })
    }
}

/// Takes one composite key apart.
#[derive(Debug)]
pub struct KeyReader<'a>(&'a str);

impl<'a> KeyReader<'a> {
    pub(crate) fn new(key: &'a StateKey, object_type: &str) -> Result<Self, KeyError> {
        key.0
            .strip_prefix(SEPARATOR)
            .and_then(|rest| rest.strip_prefix(object_type))
            .and_then(|rest| rest.strip_prefix(SEPARATOR))
            .map(Self)
            .ok_or(KeyError::ForeignKey)
    }

    /// The next attribute.
    ///
    /// # Errors
    /// [`KeyError::ForeignKey`].
    pub fn part<P: KeyPart>(&mut self) -> Result<P, KeyError> {
        let (text, rest) = self.0.split_once(SEPARATOR).ok_or(KeyError::ForeignKey)?;
        self.0 = rest;
        P::from_part(text).ok_or(KeyError::ForeignKey)
    }

    pub(crate) fn finish(self) -> Result<(), KeyError> {
        if self.0.is_empty() { Ok(()) } else { Err(KeyError::ForeignKey) }
    }
}
