//! One hub with Studio for the definitions of each golden case of the compiler, to test forms of every kind.
//!
//! It prints one line of JSON with the signing key and the URL of each hub, and exits when its standard input ends.

use std::error::Error;

use fanfare::Hub;
use fanfare_golden_check::REGISTRIES;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// Tests know it, and the hubs are reachable from this machine only.
const SIGNING_KEY: &str = "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut cases = Vec::new();
    for (case, registry) in REGISTRIES {
        let hub = Hub::builder(registry).signing_key(SIGNING_KEY).admin_routes(true).build()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        cases.push(json!({ "name": case, "url": format!("http://{}", listener.local_addr()?) }));
        let routes = fanfare::routes(hub.clone()).merge(fanfare::studio(&hub));
        tokio::spawn(async move { fanfare::serve(listener, routes, &hub).await });
    }
    println!("{}", json!({ "signingKey": SIGNING_KEY, "cases": cases }));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
