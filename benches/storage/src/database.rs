//! A PostgreSQL server, and plain connections to it.

use std::future::poll_fn;
use std::process::Command;

use fanfare_test_servers::postgres::{TestServer, find_program};

use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::Error;

/// The table of the plain statements, with the columns that a message needs at least.
const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS plain (
        id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, channel int8 NOT NULL, frame text NOT NULL
    )";

/// Starts a server that waits for the disk, and prints its version and its connection string. Ends it when the input ends.
pub(crate) fn serve() -> Result<String, Error> {
    let version = Command::new(find_program("postgres")).arg("--version").output()?;
    let server = TestServer::start(true);
    println!("{}\n{}", String::from_utf8_lossy(&version.stdout).trim(), server.url());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(String::new())
}

/// Opens a connection.
pub(crate) async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Creates an empty database named `bench`, on the server of `url`. Replaces one that exists.
pub(crate) async fn create_database(url: &str) -> Result<(), Error> {
    let client = connect(url).await?;
    client.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)", &[]).await?;
    client.execute("CREATE DATABASE bench", &[]).await?;
    Ok(())
}

/// Creates the table of the plain statements, unless it exists.
pub(crate) async fn create_table(url: &str) -> Result<(), Error> {
    Ok(connect(url).await?.batch_execute(CREATE).await?)
}

/// Receives the notifications that [`crate::target`] sends.
pub(crate) async fn listen(url: &str) -> Result<(Client, mpsc::UnboundedReceiver<String>), Error> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                let _ = sender.send(notification.payload().to_owned());
            }
        }
    });
    client.batch_execute("LISTEN bench").await?;
    Ok((client, receiver))
}
