//! Tests with servers that require credentials.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fanfare_test_servers::nats::TestServer;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::requires_tls;
use crate::storage::nats::{ConnectNats, Nats};

/// A folder, which is deleted when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fanfare-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Creates a certificate for the loopback address, and returns it and its key. Returns `None` if the program
    /// `openssl` is missing.
    fn create_certificate(&self, name: &str) -> Option<(PathBuf, PathBuf)> {
        let [certificate, key] = ["pem", "key"].map(|ending| self.0.join(format!("{name}.{ending}")));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        openssl.args(["-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        let output = openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some((certificate, key))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Expects that connecting fails with an error that contains a text and no secret.
async fn expect_error(connect: ConnectNats<'_>, text: &str, secrets: &[&str]) {
    let shown = format!("{connect:?}");
    let error = connect.await.unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
    for secret in secrets {
        assert!(!error.contains(secret) && !shown.contains(secret), "{error} {shown}");
    }
}

#[tokio::test]
async fn users_nkeys_and_tokens_authenticate() {
    let (user, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let server = TestServer::start_with(&format!(
        r#"authorization {{ users: [
            {{ user: app, password: "correct" }}, {{ nkey: {} }},
            {{ user: mute, password: "correct", permissions: {{ publish: "other.>" }} }},
            {{ user: deaf, password: "correct", permissions: {{ subscribe: "_INBOX.>" }} }}
        ] }}"#,
        user.public_key()
    ));
    let url = server.url();
    drop(Nats::connect(&url).user_and_password("app", "correct").await.unwrap());
    drop(Nats::connect(&url).nkey(user.seed().unwrap()).await.unwrap());
    expect_error(Nats::connect(&url), "requires credentials: set `credentials_file`, `nkey`", &[]).await;
    let wrong = Nats::connect(&url).user_and_password("app", "incorrect");
    expect_error(wrong, "rejected the credentials: check", &["incorrect"]).await;
    for (user, refused) in
        [("mute", "Publish to \"$JS.API.STREAM."), ("deaf", "Subscription to \"fanfare-live.")]
    {
        let limited = Nats::connect(&url).user_and_password(user, "correct");
        expect_error(limited, refused, &["correct"]).await;
    }
    let in_url = url.replace("nats://", "nats://app:correct@");
    expect_error(Nats::connect(&in_url), "must not contain credentials", &["correct"]).await;
    let seed = stranger.seed().unwrap();
    expect_error(Nats::connect(&url).nkey(&seed), "rejected the credentials: check", &[&seed]).await;
    let cut = &seed[..30];
    expect_error(Nats::connect(&url).nkey(cut), "the seed of the nkey is invalid", &[cut]).await;
    let both = Nats::connect(&url).nkey(&seed).token("secret");
    expect_error(both, "several kinds of credentials", &[&seed, "secret"]).await;
    let server = TestServer::start_with("authorization { token: secret }");
    let url = server.url();
    drop(Nats::connect(&url).token("secret").await.unwrap());
    expect_error(Nats::connect(&url).token("other"), "rejected the credentials: check", &["other"]).await;
}

/// Returns a JWT of NATS.
fn sign(issuer: &KeyPair, subject: &KeyPair, kind: &str, mut claims: Value) -> String {
    claims["type"] = kind.into();
    claims["version"] = 2.into();
    let claims = json!({
        "jti": kind, "iat": 1, "iss": issuer.public_key(), "sub": subject.public_key(), "name": kind,
        "nats": claims,
    });
    let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let header = encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let signed = format!("{header}.{}", encode(claims.to_string().as_bytes()));
    let signature = encode(&issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

/// Returns the content of a credentials file, as `nsc` writes it.
fn credentials_file(jwt: &str, user: &KeyPair) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    )
}

#[tokio::test]
async fn a_credentials_file_authenticates_also_when_the_server_is_restarted() {
    let (operator, user) = (KeyPair::new_operator(), KeyPair::new_user());
    let (account, system) = (KeyPair::new_account(), KeyPair::new_account());
    let any = json!({ "subs": -1, "data": -1, "payload": -1 });
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
        "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let operator_jwt = sign(&operator, &operator, "operator", json!({}));
    let of_account = sign(&operator, &account, "account", json!({ "limits": limits }));
    let of_system = sign(&operator, &system, "account", json!({}));
    let mut server = TestServer::start_with(&format!(
        "operator: {operator_jwt}\nresolver: MEMORY\nsystem_account: {system_key}
         resolver_preload: {{ {}: {of_account}, {system_key}: {of_system} }}",
        account.public_key(),
        system_key = system.public_key(),
    ));
    let (folder, url) = (Folder::new("credentials"), server.url());
    let valid = credentials_file(&sign(&account, &user, "user", any.clone()), &user);
    let valid = folder.write("valid", &valid);
    let nats = Nats::connect(&url).credentials_file(&valid).await.unwrap();
    let (other_account, other) = (KeyPair::new_account(), KeyPair::new_user());
    let unknown = credentials_file(&sign(&other_account, &other, "user", any), &other);
    let (unknown, seed) = (folder.write("unknown", &unknown), other.seed().unwrap());
    let wrong = Nats::connect(&url).credentials_file(&unknown);
    expect_error(wrong, "rejected the credentials: check", &[&seed]).await;
    let wrong = Nats::connect(&url).credentials_file(folder.write("cut", &format!("{seed}\n")));
    expect_error(wrong, "cannot parse user JWT from the credentials file", &[&seed]).await;
    let wrong = Nats::connect(&url).credentials_file(folder.0.join("missing"));
    expect_error(wrong, "cannot read the credentials for NATS in", &[]).await;
    server.kill("KILL");
    server.restart();
    for _ in 0..200 {
        if nats.shared.beat().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nats.shared.beat().await.unwrap();
}

#[tokio::test]
async fn certificates_authenticate_the_server_and_the_client() {
    let folder = Folder::new("certificates");
    let Some((certificate, key)) = folder.create_certificate("server") else {
        return println!("skipped: the program `openssl` is missing");
    };
    let [client, stranger] = ["client", "stranger"].map(|name| folder.create_certificate(name).unwrap());
    let server = TestServer::start_with(&format!(
        "tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {:?}, verify: true }}",
        client.0
    ));
    let url = server.url();
    let trusting = || Nats::connect(&url).root_certificates(&certificate);
    drop(trusting().client_certificate(&client.0, &client.1).await.unwrap());
    let untrusting = Nats::connect(&url).client_certificate(&client.0, &client.1);
    expect_error(untrusting, "set `root_certificates`", &[]).await;
    let other_name = url.replace("127.0.0.1", "localhost");
    let other_name = Nats::connect(&other_name).root_certificates(&certificate);
    expect_error(other_name.client_certificate(&client.0, &client.1), "use a host name of the", &[]).await;
    expect_error(trusting(), "set `client_certificate` to one that it accepts", &[]).await;
    let wrong = trusting().client_certificate(&stranger.0, &stranger.1);
    expect_error(wrong, "set `client_certificate` to one that it accepts", &[]).await;
    let missing = trusting().client_certificate(&client.0, Path::new("/missing.key"));
    expect_error(missing, "cannot read the private key for NATS in /missing.key", &[]).await;
}

#[test]
fn servers_that_are_only_named_need_tls_if_all_urls_do() {
    for (urls, expected) in [
        (vec!["tls://a", "TLS://b:1"], true),
        (vec!["tls://a", "nats://b"], false),
        (vec!["tls://a", "b"], false),
    ] {
        assert_eq!(requires_tls(&urls), expected, "{urls:?}");
    }
}
