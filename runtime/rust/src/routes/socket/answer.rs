//! Frames from the client, and the answers to them.

use super::{Socket, encode};
use crate::hub::Ready;
use crate::wire::{ClientFrame, ErrorCode, ServerFrame, SharedText, Since, read_client_frame};

impl Socket {
    /// Does what a frame says. Guests get no answers.
    pub(super) fn answer(&mut self, text: &str) -> Vec<SharedText> {
        let answer = match read_client_frame(text) {
            Ok(ClientFrame::Sub { reference, data, since }) => {
                self.sub(reference, &data, &since.unwrap_or_default())
            }
            Ok(ClientFrame::Unsub { reference, channel }) => self.unsub(reference, channel),
            Err(bad) => {
                self.bad_frames += 1;
                vec![error(ErrorCode::BadFrame, bad.message, bad.reference)]
            }
        };
        if self.guest { Vec::new() } else { answer }
    }

    fn sub(&mut self, reference: Option<String>, token: &str, since: &Since) -> Vec<SharedText> {
        let permit = match self.hub.keys().verify(token) {
            Ok(permit) if !permit.publish => permit,
            Ok(_) => return vec![unauthorized(reference, "it is for publishing")],
            Err(refused) => return vec![unauthorized(reference, &refused.0)],
        };
        let Ok(permitted) = self.hub.permitted(&permit) else {
            let message = "no definition knows a channel or topic of the token";
            return vec![error(ErrorCode::UnknownChannel, message, reference)];
        };
        let Ok(ready) = self.reader.subscribe(&self.hub, permitted, since, permit.expires) else {
            let message = "a connection has at most 1,000 channels: open another";
            return vec![error(ErrorCode::TooManyChannels, message, reference)];
        };
        let channels = ready.iter().map(|ready| ready.channel.name().to_owned()).collect();
        let mut answer = vec![encode::frame(&ServerFrame::Subscribed { reference, channels })];
        answer.extend(self.ready(ready));
        answer
    }

    fn unsub(&mut self, reference: Option<String>, channel: String) -> Vec<SharedText> {
        if self.reader.unsubscribe(&channel) {
            let channels = vec![channel];
            return vec![encode::frame(&ServerFrame::Unsubscribed { reference, channels })];
        }
        let message = format!("{channel:?} is not subscribed");
        vec![error(ErrorCode::NotSubscribed, message, reference)]
    }

    /// Tells which subscriptions stand, to those who understand it.
    pub(super) fn ready(&self, ready: Vec<Ready>) -> Vec<SharedText> {
        if self.guest {
            return Vec::new();
        }
        let frames = ready.into_iter().map(|ready| {
            encode::frame(&ServerFrame::Ready {
                channel: ready.channel.name().to_owned(),
                position: ready.position,
                fingerprint: ready.channel.definition().fingerprint.to_owned(),
            })
        });
        frames.collect()
    }
}

/// What is wrong with a token stays in the log.
fn unauthorized(reference: Option<String>, reason: &str) -> SharedText {
    tracing::debug!(reason, "refused: the token of a sub is not valid");
    let message = "the token is not valid: ask the backend for a new one";
    error(ErrorCode::Unauthorized, message, reference)
}

fn error(code: ErrorCode, message: impl Into<String>, reference: Option<String>) -> SharedText {
    let (code, message) = (code.as_str().to_owned(), message.into());
    encode::frame(&ServerFrame::Error { code, message, reference })
}
