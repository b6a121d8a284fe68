//! Frames from the client, and the answers to them.

use super::subscribe::resolve;
use super::{CloseReason, Connection, SubscribeRequest, encode};
use crate::hub::{RatedAction, RenewError, SubscribeError, SubscriptionId};
use crate::token;
use crate::wire::{
    ClientFrame, ErrorCode, MAX_BAD_FRAMES, ServerFrame, SharedText, close, read_client_frame,
};

impl Connection {
    /// Handles a frame and returns the answer. Guests get no answers.
    pub(in crate::routes) async fn handle_frame(
        &mut self,
        text: &str,
    ) -> Result<Vec<SharedText>, CloseReason> {
        let answer = match read_client_frame(text) {
            Ok(ClientFrame::Sub { subscription_id, data, channel, topics, since, fingerprint }) => {
                let subscription_id = subscription_id.map(Into::into);
                let since = since.unwrap_or_default();
                let page = channel.clone().zip(fingerprint);
                let request = SubscribeRequest { subscription_id, channel, topics, since, page };
                self.handle_sub(data.as_deref(), &request).await
            }
            Ok(ClientFrame::Unsub { subscription_id: Some(id), .. }) => self.unsubscribe(&Some(id.into())),
            Ok(ClientFrame::Unsub { channel, .. }) => self.unsubscribe_channel(channel.unwrap_or_default()),
            Ok(ClientFrame::Renew { subscription_id, data }) => {
                self.renew(&subscription_id.map(Into::into), data.as_deref()).await
            }
            Ok(ClientFrame::Alive) => vec![self.alive_frame()],
            Err(bad) => {
                self.bad_frames += 1;
                vec![error_frame(ErrorCode::BadFrame, bad.message, &bad.subscription_id.map(Into::into))]
            }
        };
        if self.bad_frames >= MAX_BAD_FRAMES {
            return Err(CloseReason::with_code(close::BAD_FRAMES, "bad_frames", "too many bad frames"));
        }
        Ok(if self.guest { Vec::new() } else { answer })
    }

    /// Subscribes with a token, or with the session of the page if there is no token, and returns the answer.
    pub(in crate::routes) async fn handle_sub(
        &mut self,
        token: Option<&str>,
        request: &SubscribeRequest,
    ) -> Vec<SharedText> {
        let subscribed = match self.verify(token, request.channel.as_deref()).await {
            Ok(grant) => self.subscribe(&grant, request).await,
            Err(error) => Err(error),
        };
        let ready = match subscribed {
            Ok(ready) => ready,
            Err(error) => return vec![self.reject_subscription(error, request)],
        };
        let channels = ready.iter().map(|ready| ready.channel.name().to_owned()).collect();
        let subscription_id = encode::owned_id(&request.subscription_id);
        let mut answer = vec![encode::frame(&ServerFrame::Subscribed { subscription_id, channels })];
        answer.extend(self.ready_frames(&request.subscription_id, &ready));
        answer
    }

    fn unsubscribe(&mut self, id: &SubscriptionId) -> Vec<SharedText> {
        let channels = self.reader.unsubscribe(id);
        self.set_timer();
        if channels.is_empty() {
            return vec![error_frame(ErrorCode::NotSubscribed, "subscription not found", id)];
        }
        let subscription_id = encode::owned_id(id);
        vec![encode::frame(&ServerFrame::Unsubscribed { subscription_id, channels, code: None })]
    }

    fn unsubscribe_channel(&mut self, channel: String) -> Vec<SharedText> {
        let was_subscribed = self.reader.unsubscribe_channel(&channel);
        self.set_timer();
        if !was_subscribed {
            let message = format!("the subscription without a ref does not have the channel {channel:?}");
            return vec![error_frame(ErrorCode::NotSubscribed, message, &None)];
        }
        let channels = vec![channel];
        vec![encode::frame(&ServerFrame::Unsubscribed { subscription_id: None, channels, code: None })]
    }

    async fn renew(&mut self, id: &SubscriptionId, token: Option<&str>) -> Vec<SharedText> {
        let channel = self.reader.channel_of(id);
        let verified = self.verify(token, channel.as_deref()).await.and_then(|grant| {
            let channels = resolve(&self.hub, &grant)?;
            Ok((channels, self.use_token(&grant)?))
        });
        let (channels, guard) = match verified {
            Ok(verified) => verified,
            Err(error) => return vec![self.reject_renewal(error, id)],
        };
        match self.reader.renew(id, &channels, &guard) {
            Ok(()) => {}
            Err(RenewError::NotGranted) => {
                return vec![self.reject_renewal(SubscribeError::NotGranted, id)];
            }
            Err(RenewError::NotSubscribed) => {
                return vec![error_frame(ErrorCode::NotSubscribed, "subscription not found", id)];
            }
        }
        self.set_timer();
        let expires_in = guard.expires().saturating_sub(token::now_in_milliseconds());
        vec![encode::frame(&ServerFrame::Renewed { subscription_id: encode::owned_id(id), expires_in })]
    }

    fn reject_renewal(&self, error: SubscribeError, id: &SubscriptionId) -> SharedText {
        self.reject_subscription(
            error,
            &SubscribeRequest { subscription_id: id.clone(), ..Default::default() },
        )
    }

    /// Returns the error frame for a rejected `sub` or `renew`. Counts a failed authorization, and reports the rate
    /// limit if that exceeds it.
    fn reject_subscription(&self, error: SubscribeError, request: &SubscribeRequest) -> SharedText {
        let client = self.guard.client();
        let is_unauthorized = matches!(error, SubscribeError::Unauthorized(_));
        self.hub.record_refused_subscription(&error);
        let (fingerprint, drift) = request.compare_refused(&self.hub, &error).unzip();
        let (mut code, mut message) = error.into_code_and_message();
        if is_unauthorized
            && let Err(limited) = self.hub.check_rate(RatedAction::FailAuth, Some(client), None)
        {
            (code, message) = SubscribeError::RateLimited(limited).into_code_and_message();
        }
        encode::frame(&ServerFrame::Error {
            code: code.as_str().to_owned(),
            message,
            subscription_id: encode::owned_id(&request.subscription_id),
            fingerprint,
            drift: drift.flatten(),
        })
    }
}

fn error_frame(code: ErrorCode, message: impl Into<String>, id: &SubscriptionId) -> SharedText {
    encode::frame(&ServerFrame::Error {
        code: code.as_str().to_owned(),
        message: message.into(),
        subscription_id: encode::owned_id(id),
        fingerprint: None,
        drift: None,
    })
}
