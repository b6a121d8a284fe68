//! Frames from the client, and the answers to them.

use super::subscribe::permitted;
use super::{End, NotSubscribed, Session, Wish, encode};
use crate::hub::{NotRenewed, RatedAction, Reference};
use crate::token;
use crate::wire::{
    ClientFrame, ErrorCode, MAX_BAD_FRAMES, ServerFrame, SharedText, close, read_client_frame,
};

impl Session {
    /// Does what a frame says. Guests get no answers.
    pub(in crate::routes) async fn answer(&mut self, text: &str) -> Result<Vec<SharedText>, End> {
        let answer = match read_client_frame(text) {
            Ok(ClientFrame::Sub { reference, data, channel, topics, since }) => {
                let reference = reference.map(Into::into);
                let wish = Wish { reference, channel, topics, since: since.unwrap_or_default() };
                self.sub(data.as_deref(), &wish).await
            }
            Ok(ClientFrame::Unsub { reference: Some(reference), .. }) => self.unsub(&Some(reference.into())),
            Ok(ClientFrame::Unsub { channel, .. }) => self.unsub_channel(channel.unwrap_or_default()),
            Ok(ClientFrame::Renew { reference, data }) => {
                self.renew(&reference.map(Into::into), data.as_deref()).await
            }
            Ok(ClientFrame::Alive) => vec![self.alive()],
            Err(bad) => {
                self.bad_frames += 1;
                vec![error(ErrorCode::FrameError, bad.message, &bad.reference.map(Into::into))]
            }
        };
        if self.bad_frames >= MAX_BAD_FRAMES {
            return Err(End::close(close::BAD_FRAMES, "bad_frames", "too many bad frames"));
        }
        Ok(if self.guest { Vec::new() } else { answer })
    }

    /// Subscribes with a token, or without one by the session of the page, and says what came of it.
    pub(in crate::routes) async fn sub(&mut self, token: Option<&str>, wish: &Wish) -> Vec<SharedText> {
        let subscribed = match self.verify(token, wish.channel.as_deref()).await {
            Ok(permit) => self.subscribe(&permit, wish).await,
            Err(refused) => Err(refused),
        };
        let ready = match subscribed {
            Ok(ready) => ready,
            Err(refused) => return vec![self.refusal(refused, &wish.reference)],
        };
        let channels = ready.iter().map(|ready| ready.channel.name().to_owned()).collect();
        let reference = encode::owned(&wish.reference);
        let mut answer = vec![encode::frame(&ServerFrame::Subscribed { reference, channels })];
        answer.extend(self.ready(&wish.reference, &ready));
        answer
    }

    fn unsub(&mut self, reference: &Reference) -> Vec<SharedText> {
        let channels = self.reader.unsubscribe(reference);
        self.set_timer();
        if channels.is_empty() {
            return vec![error(ErrorCode::NotSubscribed, "subscription not found", reference)];
        }
        let reference = encode::owned(reference);
        vec![encode::frame(&ServerFrame::Unsubscribed { reference, channels, code: None })]
    }

    fn unsub_channel(&mut self, channel: String) -> Vec<SharedText> {
        let ended = self.reader.unsubscribe_channel(&channel);
        self.set_timer();
        if !ended {
            let message = format!("the subscription without a ref does not have the channel {channel:?}");
            return vec![error(ErrorCode::NotSubscribed, message, &None)];
        }
        let channels = vec![channel];
        vec![encode::frame(&ServerFrame::Unsubscribed { reference: None, channels, code: None })]
    }

    async fn renew(&mut self, reference: &Reference, token: Option<&str>) -> Vec<SharedText> {
        let channel = self.reader.channel_of(reference);
        let renewed = self.verify(token, channel.as_deref()).await.and_then(|permit| {
            let permitted = permitted(&self.hub, &permit)?;
            Ok((permitted, self.lease(&permit)?))
        });
        let (permitted, lease) = match renewed {
            Ok(renewed) => renewed,
            Err(refused) => return vec![self.refusal(refused, reference)],
        };
        match self.reader.renew(reference, &permitted, &lease) {
            Ok(()) => {}
            Err(NotRenewed::NotGranted) => return vec![self.refusal(NotSubscribed::NotGranted, reference)],
            Err(NotRenewed::NotSubscribed) => {
                return vec![error(ErrorCode::NotSubscribed, "subscription not found", reference)];
            }
        }
        self.set_timer();
        let expires_in = lease.expires().saturating_sub(token::now_in_milliseconds());
        vec![encode::frame(&ServerFrame::Renewed { reference: encode::owned(reference), expires_in })]
    }

    fn refusal(&self, refused: NotSubscribed, reference: &Reference) -> SharedText {
        let client = self.connected.client();
        let is_unauthorized = matches!(refused, NotSubscribed::Unauthorized(_));
        let (mut code, mut message) = refused.told();
        if is_unauthorized && let Err(too_often) = self.hub.count(RatedAction::FailAuth, Some(client), None) {
            (code, message) = NotSubscribed::TooOften(too_often).told();
        }
        error(code, message, reference)
    }
}

fn error(code: ErrorCode, message: impl Into<String>, reference: &Reference) -> SharedText {
    let (code, message) = (code.as_str().to_owned(), message.into());
    encode::frame(&ServerFrame::Error { code, message, reference: encode::owned(reference) })
}
