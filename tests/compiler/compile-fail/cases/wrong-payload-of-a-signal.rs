use channels::pipeline::{Pipeline, Status};

fn answer<P>(_: fanfare::Signal<'_, P>, _: &P) {}

fn reject(pipeline: &Pipeline, status: &Status) {
    answer(pipeline.approve(), status);
}

fn main() {}
