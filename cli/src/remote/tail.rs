//! `fanfare tail`.

mod follow;
mod frames;
mod topics;

use fanfare::Cursor;
use fanfare::client::{ClientError, FrameEvent, Frames};
use fanfare::wire::ServerFrame;
use jiff::Timestamp;

use super::access::{Access, AccessArguments, Credential};
use super::failure::Failure;
use super::output::OutputArguments;
use super::time::parse_time;
use follow::until_stopped;
use frames::FramePrinter;

#[derive(clap::Args)]
pub(crate) struct Tail {
    /// The name of the channel, such as `pipeline:run_1`
    channel: String,
    /// Show this topic only, and run events; can be repeated
    #[arg(long, value_name = "NAME")]
    topic: Vec<String>,
    /// Begin earlier than now: `start`, a duration such as `10m`, a time, or the id of a message to continue after
    ///
    /// By default, begins with the messages that the topics retain.
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    since: Option<Since>,
    /// Stop after this many messages, run events and finished text streams
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u64>,
    /// Stop after the channel's last message, instead of waiting for new ones
    #[arg(long)]
    no_follow: bool,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Where to begin.
#[derive(Clone, Copy)]
enum Since {
    Cursor(Cursor),
    /// Frames before this time are skipped.
    Time(Timestamp),
}

fn parse_since(text: &str) -> Result<Since, String> {
    match text.parse() {
        Ok(cursor) => Ok(Since::Cursor(cursor)),
        Err(_) => parse_time(text).map(Since::Time).map_err(|_| {
            "write `start`, a duration such as `10m`, a time such as `2026-01-31T12:00:00Z`, or the id of a message"
                .to_owned()
        }),
    }
}

impl Tail {
    pub(super) async fn execute(self) -> Result<(), Failure> {
        if self.limit == Some(0) {
            return Ok(());
        }
        let access = self.access.resolve()?;
        let topics = match &access.credential {
            _ if !self.topic.is_empty() => self.topic.clone(),
            // Its token says which.
            Credential::Token(_) => Vec::new(),
            Credential::SigningKey(_) => topics::find(&access, &self.channel).await?,
        };
        let cursor = match self.since {
            None => Cursor::Now,
            Some(Since::Cursor(cursor)) => cursor,
            Some(Since::Time(_)) => Cursor::Start,
        };
        let mut frames = access.client.frames(&self.channel).topics(topics).since(cursor).open();
        let mut printer = FramePrinter::new(self.output.open());
        let shown = until_stopped(self.show(&access, &mut frames, &mut printer)).await;
        printer.finish()?;
        shown.unwrap_or(Ok(()))
    }

    /// Shows frames until there are enough of them, or the subscription is refused.
    async fn show(
        &self,
        access: &Access,
        frames: &mut Frames,
        printer: &mut FramePrinter,
    ) -> Result<(), Failure> {
        let (mut is_connected, mut count) = (false, 0);
        loop {
            let frame = match frames.recv().await.map_err(|error| access.explain(error))? {
                FrameEvent::Frame(frame) => frame,
                // A wrong URL is more likely than a server that starts now.
                FrameEvent::Interrupted(error) if !is_connected || access.is_final(&error) => {
                    return Err(access.explain(error));
                }
                FrameEvent::Interrupted(error) => {
                    let reason = match error {
                        ClientError::Unreachable(reason) => reason,
                        error => error.to_string(),
                    };
                    printer.note(&format!("connection lost ({reason}); reconnecting"))?;
                    continue;
                }
                _ => continue,
            };
            match &frame {
                ServerFrame::Ready { .. } if is_connected => printer.note("connected again")?,
                ServerFrame::Ready { .. } => is_connected = true,
                ServerFrame::CaughtUp { .. } if self.no_follow => return Ok(()),
                ServerFrame::CaughtUp { .. } => {}
                frame if self.is_too_old(frame) => {}
                frame => {
                    printer.print(frame)?;
                    count += u64::from(frames::is_whole(frame));
                    if self.limit.is_some_and(|limit| count >= limit) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn is_too_old(&self, frame: &ServerFrame) -> bool {
        let Some(Since::Time(since)) = self.since else { return false };
        frames::published_at(frame).and_then(|at| at.parse().ok()).is_some_and(|at: Timestamp| at < since)
    }
}
