//! Message ids and cursors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Both halves of an id have nine base-36 digits, so that ids have a fixed length and compare as text. That is enough
/// for milliseconds until the year 5188, and for a dozen years of 250,000 messages per second on one channel.
const HALF: usize = 9;

/// Identifies a message: opaque, and ordered within its channel.
///
/// ```
/// use fanfare::MessageId;
///
/// let earlier: MessageId = "0mi9a2k4x-00000002r".parse()?;
/// let later: MessageId = "0mi9a2k4x-00000002s".parse()?;
/// assert!(earlier < later && earlier.to_string() < later.to_string());
/// # Ok::<(), fanfare::wire::ParseMessageIdError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    epoch: u64,
    offset: u64,
}

impl MessageId {
    /// The length of every id as text.
    pub(crate) const LENGTH: usize = 2 * HALF + 1;

    pub(crate) fn new(epoch: u64, offset: u64) -> Self {
        Self { epoch, offset }
    }

    /// Returns the epoch of the message's log. Offsets of different epochs are not comparable.
    pub(crate) fn epoch(self) -> u64 {
        self.epoch
    }

    /// Returns the number of the message in its epoch. The first message has 1.
    pub(crate) fn offset(self) -> u64 {
        self.offset
    }

    /// Returns the id as text.
    pub(super) fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut text = [b'-'; Self::LENGTH];
        write_half(&mut text[..HALF], self.epoch);
        write_half(&mut text[HALF + 1..], self.offset);
        text
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.to_bytes()).map_err(|_| fmt::Error)?)
    }
}

fn write_half(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 36) as usize];
        number /= 36;
    }
}

impl FromStr for MessageId {
    type Err = ParseMessageIdError;

    fn from_str(text: &str) -> Result<Self, ParseMessageIdError> {
        let (epoch, offset) = text.split_once('-').ok_or(ParseMessageIdError)?;
        Ok(Self { epoch: read_half(epoch)?, offset: read_half(offset)? })
    }
}

fn read_half(digits: &str) -> Result<u64, ParseMessageIdError> {
    if bug!(IdCutInsideCharacter) && digits.len() > HALF {
        return read_half(&digits[..HALF]).and(Err(ParseMessageIdError));
    }
    if digits.len() != HALF {
        return Err(ParseMessageIdError);
    }
    digits.bytes().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            _ => return Err(ParseMessageIdError),
        };
        Ok(number * 36 + u64::from(value))
    })
}

/// An error from parsing a [`MessageId`]: the text is not an id that a server assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMessageIdError;

impl fmt::Display for ParseMessageIdError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "invalid message id: expected two groups of nine digits or lowercase letters, such as \"0mi9a2k4x-00000002s\"",
        )
    }
}

impl std::error::Error for ParseMessageIdError {}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A point in a channel's log from which a subscriber reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cursor {
    /// Retained messages, then new ones.
    #[default]
    Now,
    /// The whole history, then new messages.
    Start,
    /// The messages after the one with this id.
    After(MessageId),
    /// The rest of the retained messages, then the messages after `position`.
    Replaying {
        /// The last message in the log when the subscriber started with [`Now`](Self::Now).
        position: MessageId,
        /// The last retained message that it received.
        replayed: Option<MessageId>,
    },
}

impl Cursor {
    /// Returns the cursor after a message was received.
    #[must_use]
    pub fn after(self, id: MessageId) -> Self {
        match self {
            // Retained messages precede `position`, in any part of the log.
            Self::Replaying { position, .. } if id <= position && id.epoch == position.epoch => {
                Self::Replaying { position, replayed: Some(id) }
            }
            _ => Self::After(id),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => formatter.write_str("now"),
            Self::Start => formatter.write_str("start"),
            Self::After(id) => id.fmt(formatter),
            Self::Replaying { position, replayed: None } => write!(formatter, "{position}~"),
            Self::Replaying { position, replayed: Some(id) } => write!(formatter, "{position}~{id}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let id = |text: &str| text.parse::<MessageId>().map_err(|ParseMessageIdError| ParseCursorError);
        match (text, text.split_once('~')) {
            ("now", _) => Ok(Self::Now),
            ("start", _) => Ok(Self::Start),
            (_, None) => Ok(Self::After(id(text)?)),
            (_, Some((position, ""))) => Ok(Self::Replaying { position: id(position)?, replayed: None }),
            (_, Some((position, replayed))) => {
                let (position, replayed) = (id(position)?, id(replayed)?);
                if replayed.epoch != position.epoch {
                    // The history was replaced by one with smaller ids while the client received retained messages.
                    return Ok(Self::After(replayed));
                }
                if replayed > position {
                    return Err(ParseCursorError);
                }
                Ok(Self::Replaying { position, replayed: Some(replayed) })
            }
        }
    }
}

/// An error from parsing a [`Cursor`]: the text is not a cursor from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCursorError;

impl fmt::Display for ParseCursorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("invalid cursor: expected \"now\", \"start\" or a cursor from the server")
    }
}

impl std::error::Error for ParseCursorError {}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_round_trips_and_sorts_as_text() {
        let ids = [(0, 0), (0, 1), (0, 35), (0, 36), (1, 0), (1_795_000_000_000, 78_364_164_095)];
        let texts: Vec<String> =
            ids.iter().map(|&(epoch, offset)| MessageId::new(epoch, offset).to_string()).collect();
        assert!(texts.is_sorted());
        for (text, (epoch, offset)) in texts.iter().zip(ids) {
            assert_eq!(text.len(), MessageId::LENGTH);
            assert_eq!(text.parse(), Ok(MessageId::new(epoch, offset)));
        }
    }

    #[test]
    fn a_cursor_keeps_its_position_while_retained_messages_are_received() {
        let [id, position, next] = [3, 10, 11].map(|offset| MessageId::new(1, offset));
        let replaying = Cursor::Replaying { position, replayed: None }.after(id);
        assert_eq!(replaying, Cursor::Replaying { position, replayed: Some(id) });
        assert_eq!(replaying.after(next), Cursor::After(next));
        assert_eq!(Cursor::After(position).after(next), Cursor::After(next));
    }

    #[test]
    fn a_cursor_of_a_replaced_history_is_the_last_message_that_was_received() {
        let (position, replayed) = (MessageId::new(9, 10), MessageId::new(8, 3));
        let replaying = Cursor::Replaying { position, replayed: None };
        assert_eq!(replaying.after(replayed), Cursor::After(replayed));
        assert_eq!(format!("{position}~{replayed}").parse(), Ok(Cursor::After(replayed)));
    }

    #[test]
    fn nothing_else_is_an_id_or_cursor() {
        for text in [
            "",
            "-",
            "now ",
            "Now",
            "1-1",
            "0mi9a2k4x",
            "0mi9a2k4x-00000002S",
            "0mi9a2k4x-0000002s",
            "0mi9a2k4x-000000002s",
            "0mi9a2k4x_00000002s",
            " 0mi9a2k4x-00000002s",
            "0mi9a2k4x-00000é2s",
            "~",
            "now~",
            "0mi9a2k4x-00000002s~~",
            "0mi9a2k4x-00000002r~0mi9a2k4x-00000002s",
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(ParseMessageIdError), "{text}");
            assert_eq!(text.parse::<Cursor>(), Err(ParseCursorError), "{text}");
        }
    }
}
