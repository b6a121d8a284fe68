use channels::pipeline::Pipeline;
use channels::system;

fn grant(pipeline: &Pipeline) -> fanfare::Grant {
    pipeline.grant([system::Topic::Notice])
}

fn main() {}
