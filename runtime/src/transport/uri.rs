//! Addresses as users write them.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// An address that can be dialled or listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uri {
    /// `tcp://host:port`.
    Tcp(String),
    /// `unix:///path`.
    Unix(PathBuf),
}

impl Uri {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let bad = |problem| Error::Uri { uri: text.to_owned(), problem };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad("it needs a scheme, as in `tcp://127.0.0.1:7000` or `unix:///run/my.sock`"));
        };
        match scheme {
            "tcp" => match rest.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::Tcp(rest.to_owned()))
                }
                _ => Err(bad("after `tcp://` comes `host:port`, the port a number up to 65535")),
            },
            "unix" if rest.is_empty() => Err(bad("after `unix://` comes a path")),
            "unix" => Ok(Self::Unix(rest.into())),
            _ => Err(bad("the scheme can be `tcp` or `unix`")),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_were_written() {
        for text in ["tcp://127.0.0.1:7000", "tcp://[::1]:0", "tcp://localhost:80", "unix:///run/x.sock"] {
            assert_eq!(Uri::parse(text).map(|uri| uri.to_string()).ok().as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for text in [
            "",
            "127.0.0.1:7000",
            "tcp://",
            "tcp://host",
            "tcp://:1",
            "tcp://h:99999",
            "unix://",
            "ftp://a:1",
        ] {
            let error = Uri::parse(text).map_err(|error| error.to_string());
            assert!(error.clone().is_err_and(|e| e.contains("is no address")), "{text}: {error:?}");
        }
    }
}
