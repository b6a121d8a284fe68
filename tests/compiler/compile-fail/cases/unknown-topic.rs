use channels::pipeline::Pipeline;

fn publish(hub: &fanfare::Hub, pipeline: &Pipeline) {
    let _ = hub.publish(pipeline.progress(), "half");
}

fn main() {}
