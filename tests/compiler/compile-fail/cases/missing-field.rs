use channels::Step;
use channels::pipeline::{Pipeline, Status};

fn publish(hub: &fanfare::Hub, pipeline: &Pipeline) {
    let _ = hub.publish(pipeline.status(), &Status::new("Reading", Step::Split));
}

fn main() {}
