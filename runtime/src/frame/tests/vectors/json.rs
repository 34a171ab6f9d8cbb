//! As much of JSON as the vectors need, in the order in which it is given.

use std::fmt;

pub(super) enum Json {
    Bool(bool),
    List(Vec<Self>),
    Number(u32),
    Object(Vec<(&'static str, Self)>),
    Text(String),
}

impl Json {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A u64: as text, for readers whose numbers are no integers.
    pub(super) fn long(number: u64) -> Self {
        Self::Text(number.to_string())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Number(number) => write!(f, "{number}"),
            Self::Object(fields) => {
                f.write_str("{")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}\"{name}\": {value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Self::Text(text) => {
                f.write_str("\"")?;
                for char in text.chars() {
                    match char {
                        '"' | '\\' => write!(f, "\\{char}")?,
                        char if u32::from(char) < 0x20 => write!(f, "\\u{:04x}", u32::from(char))?,
                        char => write!(f, "{char}")?,
                    }
                }
                f.write_str("\"")
            }
        }
    }
}
