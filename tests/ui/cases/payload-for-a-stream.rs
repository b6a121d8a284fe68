use channels::pipeline::Pipeline;

async fn publish(hub: &fanfare::Hub, pipeline: &Pipeline) {
    let _ = hub.publish(pipeline.draft(), "Once upon a time").await;
}

fn main() {}
