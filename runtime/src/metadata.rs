//! Metadata: what travels beside a message. Users read and write it through the call's builder and the context;
//! `frame/` reads and writes it as item 1 of a block (wire 14.1), whose bytes it holds as they travel.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

/// Pairs of a key and a value that travel beside a message, in the order in which they were added.
///
/// A key has 1 to 255 of `a-z`, `0-9`, `-`, `_` and `.`. It is never changed on the way: an upper-case letter is a
/// mistake, not another spelling. Keys may repeat. A value is any bytes, text or not.
///
/// A key usually stands in the source, so [`insert`](Self::insert) and [`append`](Self::append) panic if it breaks
/// the rule; for a key that comes from elsewhere, [`try_insert`](Self::try_insert) and
/// [`try_append`](Self::try_append) return an error. Empty metadata allocates nothing, a clone shares the bytes, and
/// looking a key up walks the pairs.
///
/// ```
/// use protocall::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.insert("tenant", "acme");
/// metadata.append("tag", "blue");
/// metadata.append("tag", [0xff, 0x00]);
///
/// assert_eq!(metadata.get_str("tenant"), Some("acme"));
/// assert_eq!(metadata.get("tag"), Some(&b"blue"[..]));
/// assert_eq!(metadata.get_all("tag").count(), 2);
/// assert_eq!(format!("{metadata:?}"), r#"{"tenant": "acme", "tag": "blue", "tag": 0xff00}"#);
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Metadata {
    // Nothing, or item 1 of a block as it travels: so a call that brings nothing else has its block here.
    // Invariant: `u16 1 · u32 length`, then whole pairs of `u16 length · key · u32 length · value`, every key as
    // `check_key` wants it.
    item: Bytes,
}

/// The id of metadata among a block's items (wire 14.1).
pub(crate) const ITEM: u16 = 1;
/// An item's id and length.
const HEAD: usize = 6;

/// A pair that metadata cannot have.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MetadataError {
    /// The key breaks the rule for keys. (It is cut after 255 characters.)
    Key(String),
    /// The value has 4 GiB or more: so many bytes.
    Value(usize),
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "{key:?} is no metadata key: it must be 1 to 255 of a-z 0-9 - _ ."),
            Self::Value(size) => write!(f, "a metadata value of {size} bytes is too long"),
        }
    }
}

impl std::error::Error for MetadataError {}

impl Metadata {
    /// No pairs.
    pub const fn new() -> Self {
        Self { item: Bytes::new() }
    }

    /// Reads item 1 of a block, its id and length included; what it returns shares it. `None` if it is not as wire 14.1
    /// says.
    pub(crate) fn from_item(item: Bytes) -> Option<Self> {
        let mut rest = pairs_of(&item);
        if rest.is_empty() {
            return Some(Self::new());
        }
        while !rest.is_empty() {
            let (key, _, after) = split_pair(rest)?;
            if !is_key(key) {
                return None;
            }
            rest = after;
        }
        Some(Self { item })
    }

    /// Makes `value` the only value of `key`, at the end.
    ///
    /// # Panics
    /// If `key` breaks the rule for keys.
    #[track_caller]
    pub fn insert(&mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) {
        if let Err(error) = self.try_insert(key, value) {
            panic!("{error}");
        }
    }

    /// Makes `value` the only value of `key`, at the end.
    ///
    /// ```
    /// let mut metadata = protocall::Metadata::new();
    /// assert!(metadata.try_insert("Tenant", "acme").is_err());
    /// ```
    ///
    /// # Errors
    /// If `key` breaks the rule for keys; nothing has changed then.
    pub fn try_insert(&mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), MetadataError> {
        check_pair(key.as_ref(), value.as_ref())?;
        self.remove(key.as_ref());
        self.put(key.as_ref(), value.as_ref());
        Ok(())
    }

    /// Adds a pair at the end, beside other values of `key`.
    ///
    /// # Panics
    /// If `key` breaks the rule for keys.
    #[track_caller]
    pub fn append(&mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) {
        if let Err(error) = self.try_append(key, value) {
            panic!("{error}");
        }
    }

    /// Adds a pair at the end, beside other values of `key`.
    ///
    /// # Errors
    /// If `key` breaks the rule for keys; nothing has changed then.
    pub fn try_append(&mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), MetadataError> {
        check_pair(key.as_ref(), value.as_ref())?;
        self.put(key.as_ref(), value.as_ref());
        Ok(())
    }

    /// Removes all values of `key` and returns the first.
    pub fn remove(&mut self, key: &str) -> Option<Bytes> {
        let removed = self.get(key).map(|value| self.item.slice_ref(value))?;
        let mut kept = Self::new();
        for (other, value) in self.iter().filter(|pair| pair.0 != key) {
            kept.put(other, value);
        }
        *self = kept;
        Some(removed)
    }

    /// The first value of `key`.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs().find(|pair| pair.0 == key.as_bytes()).map(|pair| pair.1)
    }

    /// The first value of `key`, if it is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of `key`, in order.
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &[u8]> {
        self.pairs().filter(move |pair| pair.0 == key.as_bytes()).map(|pair| pair.1)
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // Keys are ASCII by the invariant, so none is lost.
        self.pairs().filter_map(|(key, value)| Some((std::str::from_utf8(key).ok()?, value)))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.pairs().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.item.is_empty()
    }

    /// Item 1 of a block, or nothing.
    pub(crate) fn as_item(&self) -> &[u8] {
        &self.item
    }

    /// As [`as_item`](Self::as_item).
    pub(crate) fn into_item(self) -> Bytes {
        self.item
    }

    fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = pairs_of(&self.item);
        std::iter::from_fn(move || {
            let (key, value, after) = split_pair(rest)?;
            rest = after;
            Some((key, value))
        })
    }

    /// Appends a pair that passed [`check_pair`]: in place unless the bytes are shared.
    fn put(&mut self, key: &str, value: &[u8]) {
        let item = std::mem::take(&mut self.item);
        let mut item = item.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        item.reserve(2 * HEAD + key.len() + value.len());
        if item.is_empty() {
            item.put_u16(ITEM);
            item.put_u32(0);
        }
        // Neither length is cut: `check_pair`.
        item.put_u16(key.len() as u16);
        item.put_slice(key.as_bytes());
        item.put_u32(value.len() as u32);
        item.put_slice(value);
        // More than that fits into no frame.
        let len = u32::try_from(item.len() - HEAD).unwrap_or(u32::MAX);
        item[2..HEAD].copy_from_slice(&len.to_be_bytes());
        self.item = item.freeze();
    }
}

/// What follows an item's id and length.
fn pairs_of(item: &[u8]) -> &[u8] {
    item.get(HEAD..).unwrap_or_default()
}

/// The first pair of `wire` and what follows it. `None` at its end, or if no whole pair is there.
fn split_pair(wire: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (len, wire) = wire.split_first_chunk()?;
    let (key, wire) = wire.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let (len, wire) = wire.split_first_chunk()?;
    let (value, wire) = wire.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    Some((key, value, wire))
}

// wire 14.1, item 1: keys are 1 to 255 of `a-z 0-9 - _ .`.
fn is_key(key: &[u8]) -> bool {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (1..=255).contains(&key.len()) && key.iter().copied().all(allowed)
}

fn check_key(key: &str) -> Result<(), MetadataError> {
    match is_key(key.as_bytes()) {
        true => Ok(()),
        false => Err(MetadataError::Key(key.chars().take(255).collect())),
    }
}

fn check_pair(key: &str, value: &[u8]) -> Result<(), MetadataError> {
    check_key(key)?;
    match u32::try_from(value.len()) {
        Ok(_) => Ok(()),
        Err(_) => Err(MetadataError::Value(value.len())),
    }
}

/// Appends every pair.
///
/// # Panics
/// If a key breaks the rule for keys.
impl<K: AsRef<str>, V: AsRef<[u8]>> Extend<(K, V)> for Metadata {
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.append(key, value);
        }
    }
}

/// Appends every pair.
///
/// ```
/// let metadata: protocall::Metadata = [("tenant", "acme"), ("tag", "blue")].into_iter().collect();
/// assert_eq!(metadata.len(), 2);
/// ```
///
/// # Panics
/// If a key breaks the rule for keys.
impl<K: AsRef<str>, V: AsRef<[u8]>> FromIterator<(K, V)> for Metadata {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut metadata = Self::new();
        metadata.extend(pairs);
        metadata
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (key, Shown(value)))).finish()
    }
}

/// Text as text, other bytes in hex.
struct Shown<'a>(&'a [u8]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return fmt::Debug::fmt(text, f);
        }
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Metadata, MetadataError};

    fn pairs(metadata: &Metadata) -> Vec<(&str, &[u8])> {
        metadata.iter().collect()
    }

    #[test]
    fn order_is_kept_and_keys_may_repeat() {
        let metadata: Metadata = [("b", "1"), ("a", "2"), ("b", "3")].into_iter().collect();
        assert_eq!(pairs(&metadata), [("b", &b"1"[..]), ("a", b"2"), ("b", b"3")]);
        assert_eq!(metadata.get_all("b").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!(metadata.get("c"), None);
        assert_eq!(metadata.len(), 3);
    }

    #[test]
    fn insert_leaves_one_value_of_its_key() {
        let mut metadata: Metadata = [("b", "1"), ("a", "2"), ("b", "3")].into_iter().collect();
        metadata.insert("b", "4");
        assert_eq!(pairs(&metadata), [("a", &b"2"[..]), ("b", b"4")]);
    }

    #[test]
    fn remove_takes_all_values_and_returns_the_first() {
        let mut metadata: Metadata = [("b", "1"), ("a", ""), ("b", "3")].into_iter().collect();
        assert_eq!(metadata.remove("b"), Some(Bytes::from("1")));
        assert_eq!(metadata.remove("b"), None);
        assert_eq!(pairs(&metadata), [("a", &b""[..])]);
        assert_eq!(metadata.remove("a"), Some(Bytes::new()));
        assert!(metadata.is_empty());
    }

    #[test]
    fn a_clone_does_not_see_later_changes() {
        let mut metadata: Metadata = [("a", "1")].into_iter().collect();
        let clone = metadata.clone();
        metadata.append("b", "2");
        assert_eq!(clone.len(), 1);
        assert_eq!(metadata.len(), 2);
    }

    #[test]
    fn a_key_that_breaks_the_rule_is_refused_and_changes_nothing() {
        let mut metadata: Metadata = [("a", "1")].into_iter().collect();
        for key in ["", "A", "ä", "a b", "a:b", &"a".repeat(256)] {
            assert_eq!(
                metadata.try_append(key, "x"),
                Err(MetadataError::Key(key.chars().take(255).collect()))
            );
            assert!(metadata.try_insert(key, "x").is_err());
        }
        assert_eq!(pairs(&metadata), [("a", &b"1"[..])]);
        assert_eq!(metadata.try_append("a".repeat(255), "x"), Ok(()));
        assert_eq!(metadata.try_append("az09-_.", "x"), Ok(()));
    }

    #[test]
    #[should_panic(expected = "\"Tenant\" is no metadata key")]
    fn insert_panics_on_a_key_that_breaks_the_rule() {
        Metadata::new().insert("Tenant", "acme");
    }

    #[test]
    fn an_item_is_pairs_and_nothing_else_is_read() {
        let item = Bytes::from_static(b"\0\x01\0\0\0\x09\0\x01a\0\0\0\x02xy");
        let metadata = Metadata::from_item(item.clone()).unwrap();
        assert_eq!(metadata, [("a", "xy")].into_iter().collect());
        assert_eq!(metadata.as_item(), &item);
        for cut in 7..item.len() {
            assert_eq!(Metadata::from_item(item.slice(..cut)), None);
        }
        assert_eq!(Metadata::from_item(item.slice(..6)), Some(Metadata::new()));
        assert_eq!(Metadata::from_item(Bytes::from_static(b"\0\x01\0\0\0\x06\0\0\0\0\0\0")), None);
        assert_eq!(Metadata::from_item(Bytes::from_static(b"\0\x01\0\0\0\x07\0\x01A\0\0\0\0")), None);
    }

    #[test]
    fn the_length_of_the_item_follows_what_is_added() {
        let mut metadata = Metadata::new();
        assert!(metadata.as_item().is_empty());
        for n in 0..3 {
            metadata.append("key", [n; 9]);
            let item = Bytes::copy_from_slice(metadata.as_item());
            assert_eq!(item[..2], [0, 1]);
            assert_eq!(item[2..6], u32::try_from(item.len() - 6).unwrap().to_be_bytes());
            assert_eq!(Metadata::from_item(item), Some(metadata.clone()));
        }
        metadata.remove("key");
        assert!(metadata.as_item().is_empty());
    }
}
