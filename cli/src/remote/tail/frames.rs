//! Frames as lines of JSON or as lines for people.

use fanfare::wire::ServerFrame;
use serde_json::Value;

use crate::remote::failure::Failure;
use crate::remote::output::{
    CYAN, DIM, GREEN, MAGENTA, Output, RED, YELLOW, escape, escape_json, paint, print, print_json,
};
use crate::remote::time::show_clock;

/// Names of topics are padded to this width.
const TOPIC_WIDTH: usize = 10;

/// The indentation of the second and later lines of a text: the width of the time and the topic.
const INDENTATION: usize = "00:00:00.000".len() + 2 + TOPIC_WIDTH + 1;

/// Prints frames.
pub(super) struct FramePrinter {
    output: Output,
    /// The text stream that the last line of the output belongs to.
    open_text: Option<String>,
}

impl FramePrinter {
    pub(super) fn new(output: Output) -> Self {
        Self { output, open_text: None }
    }

    pub(super) fn print(&mut self, frame: &ServerFrame) -> Result<(), Failure> {
        if self.output.is_json {
            return print_json(&without_subscription(frame.clone()));
        }
        match frame {
            ServerFrame::Data { topic, created_at, data, .. } => {
                self.line(created_at, &paint(CYAN, &pad(topic)), &escape_json(&data.to_string()))
            }
            ServerFrame::Run { created_at, data, .. } => {
                self.line(created_at, &paint(MAGENTA, &pad("run")), &describe_run(data))
            }
            ServerFrame::DatastreamStart { topic, created_at, data, .. } => {
                self.open_text(created_at, topic, data)
            }
            ServerFrame::Chunk { topic, created_at, stream_id, data, .. } => {
                if self.open_text.as_deref() != Some(stream_id) {
                    self.open_text(created_at, topic, stream_id)?;
                }
                print(&indent(data))
            }
            ServerFrame::DatastreamEnd { topic, created_at, data, error, stopped, .. } => {
                let is_open = self.open_text.as_deref() == Some(data);
                match error {
                    None if is_open => self.finish(),
                    None => {
                        self.line(created_at, &paint(CYAN, &pad(topic)), &paint(DIM, "(end of the text)"))
                    }
                    Some(error) => {
                        let (style, verb) = if *stopped { (YELLOW, "stopped") } else { (RED, "failed") };
                        let text = paint(style, &format!("({verb}: {})", escape(error)));
                        self.line(created_at, &paint(CYAN, &pad(topic)), &text)
                    }
                }
            }
            ServerFrame::Gap { after, before, .. } => {
                self.finish()?;
                let text = format!("gap: messages after {after} and before {before} are gone");
                print(&format!("{}\n", paint(YELLOW, &text)))
            }
            _ => Ok(()),
        }
    }

    /// Prints a note about the connection to the standard error.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Failure> {
        self.finish()?;
        anstream::eprintln!("{}", paint(DIM, &escape(text)));
        Ok(())
    }

    /// Ends the line of a text that is still written.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        match self.open_text.take() {
            Some(_) => print("\n"),
            None => Ok(()),
        }
    }

    fn line(&mut self, time: &str, topic: &str, text: &str) -> Result<(), Failure> {
        self.finish()?;
        print(&format!("{}  {topic} {text}\n", paint(DIM, &escape(&show_clock(time)))))
    }

    /// Begins a line that chunks are added to.
    fn open_text(&mut self, time: &str, topic: &str, stream_id: &str) -> Result<(), Failure> {
        self.finish()?;
        self.open_text = Some(stream_id.to_owned());
        let (time, topic) = (paint(DIM, &escape(&show_clock(time))), paint(CYAN, &pad(topic)));
        print(&format!("{time}  {topic} "))
    }
}

/// Returns `true` if a frame is a message or a run event, or ends a text.
pub(super) fn is_whole(frame: &ServerFrame) -> bool {
    matches!(frame, ServerFrame::Data { .. } | ServerFrame::Run { .. } | ServerFrame::DatastreamEnd { .. })
}

/// Returns when a frame of the log was published.
pub(super) fn published_at(frame: &ServerFrame) -> Option<&str> {
    match frame {
        ServerFrame::Data { created_at, .. }
        | ServerFrame::Run { created_at, .. }
        | ServerFrame::DatastreamStart { created_at, .. }
        | ServerFrame::Chunk { created_at, .. }
        | ServerFrame::DatastreamEnd { created_at, .. } => Some(created_at),
        _ => None,
    }
}

/// Removes the id of the subscription, which has no meaning outside of its connection.
fn without_subscription(mut frame: ServerFrame) -> ServerFrame {
    if let ServerFrame::Gap { subscription_id, .. } = &mut frame {
        *subscription_id = None;
    }
    frame
}

fn describe_run(event: &Value) -> String {
    let status = event["status"].as_str().unwrap_or_default();
    match status {
        "running" => describe_running(event),
        "completed" => {
            format!("{} {}", paint(GREEN, "completed"), escape_json(&event["result"].to_string()))
        }
        "failed" => {
            let message = event["error"]["message"].as_str().unwrap_or_default();
            format!("{} {}", paint(RED, "failed"), escape(message))
        }
        status => paint(YELLOW, &escape(status)),
    }
}

fn describe_running(event: &Value) -> String {
    if let Some(reason) = event["halted"].as_str() {
        return format!("{} {}", paint(YELLOW, "halted"), escape(reason));
    }
    if let Some(signals) = event["waitingFor"].as_array() {
        let question = |name: &str| event["questions"][name].as_str().map(escape);
        let signals = signals.iter().filter_map(Value::as_str).map(|name| match question(name) {
            Some(id) => format!("{} {}", escape(name), paint(DIM, &format!("(question {id})"))),
            None => escape(name),
        });
        return format!("waits for {}", signals.collect::<Vec<_>>().join(" or "));
    }
    let attempt = event["attempt"].as_u64().filter(|attempt| *attempt > 1);
    let attempt = attempt.map_or_else(String::new, |attempt| format!(", attempt {attempt}"));
    let error = event["error"]["message"].as_str();
    let error = error.map_or_else(String::new, |error| format!(": {}", escape(error)));
    format!("running{attempt}{error}")
}

fn pad(topic: &str) -> String {
    format!("{:TOPIC_WIDTH$}", escape(topic))
}

/// Escapes a chunk of a text, except its line breaks and tabs. The lines after the first are indented.
fn indent(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| line.split('\t').map(escape).collect::<Vec<_>>().join("\t")).collect();
    lines.join(&format!("\n{}", " ".repeat(INDENTATION)))
}
