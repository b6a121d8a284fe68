//! Publishing and sending signals over the network, and TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fanfare::Cursor;
use fanfare::client::{Client, ClientError};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::support::definition::{renamed_room, room, said, strict_room};
use crate::support::network::{client, client_with_tokens, expect_silence, receive};
use crate::support::server::{KEY, Server};

#[tokio::test]
async fn a_publish_whose_response_is_lost_is_repeated_and_counts_once() {
    let server = Server::start().await;
    let channel = room("1");
    // Passes the request on, and cuts the connection before the response.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, target) = (listener.local_addr().unwrap(), server.address);
    let connections = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(target).await.unwrap();
            if counted.fetch_add(1, Ordering::SeqCst) < 2 {
                let mut request = vec![0; 4096];
                let length = client.read(&mut request).await.unwrap();
                server.write_all(&request[..length]).await.unwrap();
                let _ = server.read(&mut request).await;
            } else {
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        }
    });
    let id = client(address).publish(said(&channel), "once").await.unwrap();
    let mut all = server.hub.subscribe(said(&channel)).since(Cursor::Start).await.unwrap();
    let message = receive(&mut all).await.unwrap();
    assert_eq!((message.id, message.data.as_str()), (id, "once"));
    expect_silence(&mut all).await;
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_publish_is_refused_with_a_reason_and_not_repeated() {
    let server = Server::start().await;
    let channel = room("1");
    let strict = strict_room("1").1;
    let client = client(server.address);
    assert!(matches!(client.publish(said(&strict), "longer than ten").await, Err(ClientError::Invalid(_))));
    let (_, renamed) = renamed_room("1");
    let error = client.publish(renamed.topic::<str>(0), "x").await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Refused { status: Some(404), code: Some(code), .. } if code == "unknown_topic"),
        "{error:?}"
    );
    client.publish(said(&channel), "a").idempotency_key("k").await.unwrap();
    let error = client.publish(said(&channel), "b").idempotency_key("k").await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: Some(422), .. }), "{error:?}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_signal_answers_a_run_once_and_the_loser_learns_why() {
    use crate::support::definition::Room;
    use crate::support::runs::{MINUTE, completed, done, ended, in_memory, runs, waits};
    use fanfare::{Run, SignalStatus};
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let answer = run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done(answer.map(|answer| answer.payload).unwrap_or_default()))
    })
    .await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    let (with_tokens, _) = client_with_tokens(&server, 60);
    let receipt = with_tokens.signal(channel.nod(), "yes").await.unwrap();
    assert_eq!((receipt.run_id.as_str(), receipt.status), ("run_1", SignalStatus::Accepted));
    let late = client(server.address).signal(channel.nod(), "no").run_id("run_1").await.unwrap_err();
    let ClientError::Refused { status: Some(409), code: Some(code), .. } = late else { panic!("{late:?}") };
    assert!(["already_taken", "run_ended"].contains(&code.as_str()), "{code}");
    assert_eq!(ended(&runs, "run_1").await, completed("yes"));
}

/// The environment variable with the address of a server, for the process below.
#[cfg(feature = "sqlite")]
const ADDRESS: &str = "FANFARE_TEST_TLS";

/// Subscribes and publishes over TLS.
#[cfg(feature = "sqlite")]
async fn use_tls(address: &str) -> Result<(), ClientError> {
    let channel = room("1");
    let client = Client::new(address).signing_key(KEY).max_retries(0);
    let id = client.publish(said(&channel), "secret").await?;
    let mut subscription = client.subscribe(said(&channel)).since(Cursor::Start).await?;
    assert_eq!(receive(&mut subscription).await.unwrap().id, id);
    Ok(())
}

/// A process of the test below, whose system trusts the certificate.
#[cfg(feature = "sqlite")]
#[tokio::test]
#[ignore = "a process of another test"]
async fn process_that_trusts_the_certificate() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    use_tls(&address).await.unwrap();
    let other_name = address.replace("localhost", "127.0.0.1");
    assert!(matches!(use_tls(&other_name).await, Err(ClientError::Unreachable(_))), "the name is checked");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_server_is_reached_over_tls_if_the_system_trusts_its_certificate() {
    use crate::support::file::File;
    use std::process::Command;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let file = File::new();
    let (certificate, key) = (file.folder.join("certificate.pem"), file.folder.join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    match openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => return println!("skipped: the program openssl is not there ({error})"),
    }
    let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(chain, PrivateKeyDer::from_pem_file(&key).unwrap()).unwrap();
    let (acceptor, server) = (TlsAcceptor::from(Arc::new(config)), Server::start().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = TcpStream::connect(server.address).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    assert!(matches!(use_tls(&address).await, Err(ClientError::Unreachable(_))), "it is not trusted here");
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "network_sending::process_that_trusts_the_certificate", "--ignored"]);
    process.env(ADDRESS, &address).env("SSL_CERT_FILE", &certificate).env_remove("SSL_CERT_DIR");
    let output = tokio::task::spawn_blocking(move || process.output()).await.unwrap().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
}
