use channels::pipeline::{Pipeline, Signal};

fn grant(pipeline: &Pipeline) -> fanfare::Grant {
    pipeline.grant([Signal::Approve])
}

fn main() {}
