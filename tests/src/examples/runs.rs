//! Definitions that the examples in `docs/runs.md` use without showing them.

pub(crate) use std::time::Duration;

pub(crate) use fanfare::{Hub, ReplayError, Run, RunError, RunRecording, RunStreamWriter, Runs, StepOptions};
pub(crate) use generated::pipeline::{ApproveVerdict, Pipeline, RunResult, Status};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

type Answer<T> = Result<T, std::io::Error>;

pub(crate) struct Words(std::vec::IntoIter<String>);

impl Words {
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.0.next()
    }
}

pub(crate) async fn model(prompt: &str, written: &str) -> Answer<Words> {
    let left = prompt.strip_prefix(written).unwrap_or_default();
    Ok(Words(left.split_inclusive(' ').map(str::to_owned).collect::<Vec<_>>().into_iter()))
}

pub(crate) async fn find_title(text: &str) -> Answer<String> {
    Ok(text.lines().next().unwrap_or_default().into())
}

pub(crate) fn found(title: &str) -> Status {
    Status::new(format!("Found {title}"), generated::Step::Split, 10)
}

pub(crate) async fn charge_card(order: &str, key: &str) -> Answer<String> {
    Ok(format!("{order} {key}"))
}

pub(crate) async fn tell_support(error: &str) -> Answer<String> {
    Ok(error.into())
}

pub(crate) async fn find_keywords(text: &str) -> Answer<Vec<String>> {
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

pub(crate) async fn translate(word: &str) -> Answer<String> {
    Ok(word.to_uppercase())
}

pub(crate) async fn build_site(source: &str) -> Answer<String> {
    Ok(source.into())
}

pub(crate) async fn check_site() -> Answer<String> {
    Ok(String::new())
}

pub(crate) async fn shorten(text: &str) -> Answer<String> {
    Ok(text.chars().take(100).collect())
}
