use channels::pipeline::Pipeline;

fn publish(hub: &fanfare::Hub, pipeline: &Pipeline) {
    let _ = hub.publish(pipeline.draft(), "Once upon a time");
}

fn main() {}
