use channels::pipeline::Pipeline;
use channels::system::Notice;

fn publish(hub: &fanfare::Hub, pipeline: &Pipeline, notice: &Notice) {
    let _ = hub.publish(pipeline.status(), notice);
}

fn main() {}
