use channels::pipeline::Pipeline;

fn main() {
    let _ = Pipeline::new();
}
