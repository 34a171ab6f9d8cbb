//! Metadata: what travels beside a message. Users read and write it through the call's builder and the context;
//! `frame/` reads and writes it as item 1 of a block (wire 14.1).

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::frame::Text;

/// Pairs of a key and a value that travel beside a message, in the order in which they were added.
///
/// A key has 1 to 255 of `a-z`, `0-9`, `-`, `_` and `.`. It is never changed on the way: an upper-case letter is a
/// mistake, not another spelling. Keys may repeat. A value is any bytes, text or not.
///
/// A key usually stands in the source, so [`insert`](Self::insert) and [`append`](Self::append) panic if it breaks
/// the rule; for a key that comes from elsewhere, [`try_insert`](Self::try_insert) and
/// [`try_append`](Self::try_append) return an error. Empty metadata costs nothing, and cloned values share their
/// bytes.
///
/// ```
/// use protocall::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.insert("tenant", "acme");
/// metadata.append("tag", "blue");
/// metadata.append("tag", vec![0xff, 0x00]);
///
/// assert_eq!(metadata.get_str("tenant"), Some("acme"));
/// assert_eq!(metadata.get("tag"), Some(&b"blue"[..]));
/// assert_eq!(metadata.get_all("tag").count(), 2);
/// assert_eq!(format!("{metadata:?}"), r#"{"tenant": "acme", "tag": "blue", "tag": 0xff00}"#);
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Metadata {
    // Few as a rule: looking through them beats hashing. Invariant: every key passed `check_key`.
    pairs: Vec<(Text, Bytes)>,
}

/// A key that metadata cannot have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key:?} is no metadata key: 1 to 255 of a-z 0-9 - _ . are")]
#[non_exhaustive]
pub struct MetadataError {
    /// The key, cut after 255 characters.
    pub key: String,
}

impl Metadata {
    /// No pairs.
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// Makes `value` the only value of `key`, in the place of the first one, or at the end.
    ///
    /// # Panics
    /// If `key` breaks the rule for keys.
    #[track_caller]
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Bytes>) {
        if let Err(error) = self.try_insert(key, value) {
            panic!("{error}");
        }
    }

    /// Makes `value` the only value of `key`, in the place of the first one, or at the end.
    ///
    /// ```
    /// let mut metadata = protocall::Metadata::new();
    /// assert!(metadata.try_insert("Tenant", "acme").is_err());
    /// ```
    ///
    /// # Errors
    /// If `key` breaks the rule for keys.
    pub fn try_insert(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Bytes>,
    ) -> Result<(), MetadataError> {
        let key = parse_key(key.into())?;
        let Some(at) = self.pairs.iter().position(|pair| pair.0 == key) else {
            self.push(key, value.into());
            return Ok(());
        };
        self.pairs[at].1 = value.into();
        let mut first = true;
        // The first one stays, the others go.
        self.pairs.retain(|pair| pair.0 != key || std::mem::take(&mut first));
        Ok(())
    }

    /// Adds a pair at the end, beside other values of `key`.
    ///
    /// # Panics
    /// If `key` breaks the rule for keys.
    #[track_caller]
    pub fn append(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Bytes>) {
        if let Err(error) = self.try_append(key, value) {
            panic!("{error}");
        }
    }

    /// Adds a pair at the end, beside other values of `key`.
    ///
    /// # Errors
    /// If `key` breaks the rule for keys.
    pub fn try_append(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Bytes>,
    ) -> Result<(), MetadataError> {
        let key = parse_key(key.into())?;
        self.push(key, value.into());
        Ok(())
    }

    /// Removes all values of `key` and returns the first.
    pub fn remove(&mut self, key: &str) -> Option<Bytes> {
        let mut removed = None;
        self.pairs.retain_mut(|pair| {
            let stays = pair.0 != *key;
            if !stays && removed.is_none() {
                removed = Some(std::mem::take(&mut pair.1));
            }
            stays
        });
        removed
    }

    /// The first value of `key`.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs.iter().find(|pair| pair.0 == *key).map(|pair| &*pair.1)
    }

    /// The first value of `key`, if it is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of `key`, in order.
    pub fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.pairs.iter().filter(move |pair| pair.0 == *key).map(|pair| &*pair.1)
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + '_ {
        self.pairs.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Adds a pair whose key passed [`check_key`].
    pub(crate) fn push(&mut self, key: Text, value: Bytes) {
        self.pairs.push((key, value));
    }

    /// All pairs, as they are held.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Text, &Bytes)> + '_ {
        self.pairs.iter().map(|(key, value)| (key, value))
    }
}

// wire 14.1, item 1: keys are 1 to 255 of `a-z 0-9 - _ .`.
pub(crate) fn check_key(key: &str) -> Result<(), MetadataError> {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    if (1..=255).contains(&key.len()) && key.bytes().all(allowed) {
        return Ok(());
    }
    Err(MetadataError { key: key.chars().take(255).collect() })
}

fn parse_key(key: Cow<'static, str>) -> Result<Text, MetadataError> {
    check_key(&key)?;
    Ok(match key {
        Cow::Borrowed(key) => Text::from(key),
        Cow::Owned(key) => Text::from(key),
    })
}

/// Appends every pair.
///
/// # Panics
/// If a key breaks the rule for keys.
impl<K: Into<Cow<'static, str>>, V: Into<Bytes>> Extend<(K, V)> for Metadata {
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
impl<K: Into<Cow<'static, str>>, V: Into<Bytes>> FromIterator<(K, V)> for Metadata {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut metadata = Self::new();
        metadata.extend(pairs);
        metadata
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.pairs.iter().map(|(key, value)| (key, Shown(value)))).finish()
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
