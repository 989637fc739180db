//! Where the log is: `kafka`, `kafka://host:port,…` or a folder.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the log is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogUrl {
    /// Kafka; `None`: the brokers the configuration names.
    Kafka(Option<String>),
    /// A folder on this machine.
    Folder(PathBuf),
}

/// Why a text is no log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogUrlError {
    /// Nothing at all.
    #[error("a log is a folder, `kafka` or `kafka://host:port,…`")]
    Empty,
    /// A scheme we do not know.
    #[error("there is no log of the kind `{0}://`; a log is a folder, `kafka` or `kafka://host:port,…`")]
    Scheme(String),
    /// A broker without a port.
    #[error("broker \"{0}\" is not host:port")]
    Broker(String),
}

impl FromStr for LogUrl {
    type Err = LogUrlError;

    fn from_str(text: &str) -> Result<Self, LogUrlError> {
        if text == "kafka" {
            return Ok(Self::Kafka(None));
        }
        match text.split_once("://") {
            Some(("kafka", brokers)) => {
                check_brokers(brokers).map(|()| Self::Kafka(Some(brokers.to_owned())))
            }
            Some((scheme, _)) => Err(LogUrlError::Scheme(scheme.to_owned())),
            None if text.is_empty() => Err(LogUrlError::Empty),
            None => Ok(Self::Folder(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for LogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka(None) => f.write_str("kafka"),
            Self::Kafka(Some(brokers)) => write!(f, "kafka://{brokers}"),
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

fn check_brokers(brokers: &str) -> Result<(), LogUrlError> {
    for broker in brokers.split(',') {
        let (host, port) = broker.rsplit_once(':').unwrap_or_default();
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(LogUrlError::Broker(broker.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_log() {
        let kafka = |brokers: &str| Ok(LogUrl::Kafka(Some(brokers.to_owned())));
        for (text, log) in [
            ("kafka", Ok(LogUrl::Kafka(None))),
            ("kafka://a:9092,b:9092", kafka("a:9092,b:9092")),
            ("kafka://[::1]:9092", kafka("[::1]:9092")),
            ("kafka://a", Err(LogUrlError::Broker("a".to_owned()))),
            ("kafka://", Err(LogUrlError::Broker(String::new()))),
            ("kafka://a:9092,b:x", Err(LogUrlError::Broker("b:x".to_owned()))),
            ("http://a", Err(LogUrlError::Scheme("http".to_owned()))),
            ("", Err(LogUrlError::Empty)),
            ("some/folder", Ok(LogUrl::Folder("some/folder".into()))),
            ("./kafka", Ok(LogUrl::Folder("./kafka".into()))),
        ] {
            assert_eq!(text.parse(), log, "{text}");
        }
    }
}
