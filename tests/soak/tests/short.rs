//! The short form of `cargo xtask soak`.

use fanfare_soak::{Size, Soak};
use std::path::Path;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn runs_complete_with_each_step_once_while_servers_are_killed_and_suspended() {
    let soak = short("runs");
    if let Err(failure) = soak.run_runs().await {
        panic!("{failure}\n  repeat it with FANFARE_SEED={}", soak.seed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_lost_repeated_or_out_of_order_and_gaps_are_exact() {
    let soak = short("messages");
    if let Err(failure) = soak.run().await {
        panic!("{failure}\n  repeat it with FANFARE_SEED={}", soak.seed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_receives_what_was_committed_at_either_of_two_servers() {
    let soak = Soak { duration: Duration::from_secs(8), ..soak("delivery") };
    if let Err(failure) = soak.run_delivery().await {
        panic!("{failure}\n  repeat it with FANFARE_SEED={}", soak.seed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_on_one_postgresql_deliver_and_execute_everything_once_while_it_fails() {
    let soak = short("cluster");
    if let Err(failure) = soak.run_cluster().await {
        panic!("{failure}\n  repeat it with FANFARE_SEED={}", soak.seed);
    }
}

/// Returns a soak whose subscribers include the TypeScript client.
fn short(name: &str) -> Soak {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/typescript/dist/index.js");
    assert!(client.is_file(), "the TypeScript client is not built: run `npm run build --workspace fanfare`");
    soak(name)
}

fn soak(name: &str) -> Soak {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let seed = std::env::var("FANFARE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    Soak {
        seed,
        size: Size::Short,
        duration: Duration::from_secs(5),
        server: env!("CARGO_BIN_EXE_fanfare-soak-server").into(),
        node: Path::new(env!("CARGO_MANIFEST_DIR")).join("node/subscriber.mjs"),
        folder: root.join("target/soak").join(format!("{name}-{seed}")),
    }
}
