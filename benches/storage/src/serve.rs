//! A server that embeds Fanfare's hub. It prints its port.

use axum::body::Body;
use axum::http::{Request, header};
use axum::middleware::{Next, from_fn};
use tokio::net::TcpListener;

use crate::Error;
use crate::engine::{SIGNING_KEY, open_hub};

/// Serves until the process is terminated.
pub(crate) async fn serve(storage: &str) -> Result<String, Error> {
    let hub = open_hub(storage).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    // The load client does not know the key, because authorization is not measured.
    let routes =
        fanfare::routes(hub.clone()).layer(from_fn(async |mut request: Request<Body>, next: Next| {
            let bearer = format!("Bearer {SIGNING_KEY}").parse().expect("the key is ASCII");
            request.headers_mut().entry(header::AUTHORIZATION).or_insert(bearer);
            next.run(request).await
        }));
    fanfare::serve(listener, routes, &hub).await;
    Ok(String::new())
}
