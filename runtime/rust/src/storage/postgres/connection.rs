//! Connections to the database, which are opened again after they fail.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Row};

use super::StorageError;
use super::schema::{PrepareError, Schema, prepare};
use super::statements::PreparedStatements;
use super::tls::Tls;
use crate::metrics;
use crate::storage::JOURNAL_VERSION;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request may take. After that the server is regarded as lost.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// After a failed attempt to connect, requests fail immediately for this long.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// After the server has rejected a request because a resource is exhausted, the storage counts as failing for this long,
/// although other requests succeed. If a disk is full, most of them do.
const EXHAUSTION_PAUSE: Duration = Duration::from_secs(5);

/// Begins new epochs if the database is another one, and returns the version of the journal.
const CHECK: &str = "
    SELECT fanfare.check_identity()::text, coalesce((SELECT value FROM fanfare.facts WHERE name = 'journal'), '')
";

/// The code of the error that `append_unkeyed` raises.
const CHANNEL_CHANGED: &str = "FF001";

/// The code of the error that `require_process` raises.
const NOT_REGISTERED: &str = "FF002";

/// Ends the text of an error whose outcome is unknown.
const MAY_BE_COMMITTED: &str =
    "; if the request was a write, it may have been committed: repeat it with the same idempotency key";

/// A parameter of a statement.
pub(super) type Param<'p> = (&'p (dyn ToSql + Sync), Type);

/// The database, and the outcome of the last request.
pub(super) struct Database {
    config: Config,
    tls: Tls,
    pub(super) schema: Schema,
    failure: Mutex<Option<Failure>>,
    /// Whether the tail has found that no pooler is between this process and the server.
    is_direct: AtomicBool,
}

/// Why the storage counts as failing.
struct Failure {
    error: StorageError,
    /// Requests that succeed before this time do not end the failure.
    until: Option<Instant>,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) struct RequestError {
    pub(super) error: StorageError,
    pub(super) kind: FailureKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// Nothing was sent.
    NotConnected,
    /// The server rolled the request back.
    RolledBack,
    /// The server rolled the request back because of concurrent ones. It may succeed if it is repeated.
    Conflict,
    /// The server rolled the request back because a channel is not as the caller knows it.
    ChannelChanged,
    /// The server rolled the request back because this process was declared dead, or has not registered its connection.
    NotRegistered,
    /// The connection failed before the transaction was committed, so the server rolls it back.
    Lost,
    /// The server rolled the request back because another transaction has locked what it needs.
    Locked,
    /// The server did not execute the request, because it does not have the prepared statement.
    NotPrepared,
    /// The connection failed after the request was sent. The server may have committed it.
    Unknown,
}

impl Database {
    pub(super) fn new(url: &str, schema: Schema) -> Result<Self, StorageError> {
        let (url, tls) = Tls::from_url(url)?;
        let mut config: Config = url
            .parse()
            .map_err(|error| StorageError::new(format!("invalid PostgreSQL URL: {}", describe(&error))))?;
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(REQUEST_TIMEOUT);
        if config.get_application_name().is_none() {
            config.application_name("fanfare");
        }
        Ok(Self { config, tls, schema, failure: Mutex::default(), is_direct: AtomicBool::new(false) })
    }

    /// Returns whether each connection is known to lead to one server process as long as it is open.
    pub(super) fn is_direct(&self) -> bool {
        self.is_direct.load(Ordering::Relaxed)
    }

    pub(super) fn set_direct(&self, is_direct: bool) {
        self.is_direct.store(is_direct, Ordering::Relaxed);
    }

    /// Returns the error of the last request if it failed.
    pub(super) fn health(&self) -> Result<(), StorageError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().map_or(Ok(()), |failure| Err(failure.error.clone()))
    }

    fn record_failure(&self, error: &StorageError, lasts: Duration) {
        let mut current = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            tracing::error!(%error, "the storage failed");
        }
        let until = (!lasts.is_zero()).then(|| Instant::now() + lasts);
        let until = until.max(current.as_ref().and_then(|earlier| earlier.until));
        *current = Some(Failure { error: error.clone(), until });
    }

    fn record_success(&self) {
        let mut current = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if current.take_if(|failure| failure.until.is_none_or(|until| until <= Instant::now())).is_some() {
            tracing::info!("the storage works again");
        }
    }

    /// Opens a connection, and creates or migrates the tables.
    pub(super) async fn connect(
        &self,
        notices: Option<mpsc::UnboundedSender<String>>,
    ) -> Result<Session, StorageError> {
        let mut session = self.open(notices).await?;
        let prepared = timeout(REQUEST_TIMEOUT, prepare(&mut session.client, &self.schema)).await;
        match prepared {
            Ok(Ok(())) => {}
            Ok(Err(PrepareError::Database(error))) if is_fatal(&error) => {
                return Err(self.cannot_connect(&describe(&error)));
            }
            Ok(Err(PrepareError::Database(error))) => {
                let is_denied = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
                let hint = if is_denied {
                    "; connect with the role that owns them, or grant it the rights"
                } else {
                    ""
                };
                return Err(StorageError::new(format!(
                    "cannot create or migrate the tables: {}{hint}",
                    describe(&error)
                )));
            }
            Ok(Err(PrepareError::Refused(why))) => return Err(StorageError::new(why)),
            Err(_) => return Err(self.cannot_connect("it does not answer")),
        }
        let check = self.schema.qualify(CHECK);
        let checked = timeout(REQUEST_TIMEOUT, session.client.query_typed_one(&check, &[])).await;
        let row = match checked {
            Ok(Ok(row)) => row,
            Ok(Err(error)) => return Err(self.cannot_connect(&describe(&error))),
            Err(_) => return Err(self.cannot_connect("it does not answer")),
        };
        match row.get::<_, &str>(1) {
            JOURNAL_VERSION => Ok(session),
            version => Err(StorageError::new(format!(
                "the runs in the database have journal version {version}, but this library replays version \
                 {JOURNAL_VERSION}: use the version of this library that wrote them"
            ))),
        }
    }

    /// Opens a connection to a database whose tables may not exist.
    pub(super) async fn open(
        &self,
        notices: Option<mpsc::UnboundedSender<String>>,
    ) -> Result<Session, StorageError> {
        let connecting = timeout(CONNECT_TIMEOUT, self.config.connect(self.tls.clone()));
        let (client, mut connection) = match connecting.await {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => return Err(self.cannot_connect(&describe(&error))),
            Err(_) => return Err(self.cannot_connect("it does not answer")),
        };
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let (AsyncMessage::Notification(notice), Some(notices)) = (message, &notices) {
                    let _ = notices.send(notice.payload().to_owned());
                }
            }
            // Wakes the tail, which opens another connection.
            if let Some(notices) = &notices {
                let _ = notices.send(String::new());
            }
        });
        Ok(Session { client, task, prepared: PreparedStatements::default() })
    }

    fn cannot_connect(&self, why: &str) -> StorageError {
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        StorageError::new(format!("cannot connect to the PostgreSQL database `{database}`: {why}"))
    }
}

/// An open connection.
pub(super) struct Session {
    pub(super) client: Client,
    task: JoinHandle<()>,
    pub(super) prepared: PreparedStatements,
}

impl Session {
    /// Closes the connection. Requests that wait for an answer fail.
    pub(super) fn close(&self) {
        self.task.abort();
    }
}

/// Closes the connection, even if a request waits for an answer.
impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

/// One connection, which is opened when it is needed.
pub(super) struct Link {
    pub(super) database: Arc<Database>,
    /// Receives the notifications, and an empty text when the connection has ended.
    notices: Option<mpsc::UnboundedSender<String>>,
    state: AsyncMutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    session: Option<Arc<Session>>,
    /// When the last attempt to connect failed, and its error.
    failed: Option<(Instant, StorageError)>,
}

impl Link {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, notices: None, state: AsyncMutex::default() }
    }

    pub(super) fn with_notices(database: Arc<Database>, notices: mpsc::UnboundedSender<String>) -> Self {
        Self { notices: Some(notices), ..Self::new(database) }
    }

    /// Returns the open connection, or opens one.
    pub(super) async fn session(&self) -> Result<Arc<Session>, StorageError> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| !session.client.is_closed()) {
            return Ok(Arc::clone(session));
        }
        if state.session.take().is_some() {
            metrics::record_disconnect();
        }
        if let Some((since, error)) = &state.failed
            && since.elapsed() < RECONNECT_PAUSE
        {
            return Err(error.clone());
        }
        match self.database.connect(self.notices.clone()).await {
            Ok(session) => {
                let session = Arc::new(session);
                *state = LinkState { session: Some(Arc::clone(&session)), failed: None };
                Ok(session)
            }
            Err(error) => {
                self.database.record_failure(&error, Duration::ZERO);
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Executes a statement. It is not prepared under a name, so it also works through a pooler.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, RequestError> {
        let session = self.connected().await?;
        let sql = self.database.schema.qualify(sql);
        self.request(&session, session.client.query_typed(&sql, params)).await
    }

    /// Returns the open connection, or opens one, for a request.
    pub(super) async fn connected(&self) -> Result<Arc<Session>, RequestError> {
        self.session().await.map_err(|error| RequestError { error, kind: FailureKind::NotConnected })
    }

    /// Waits for the answer to a request on an open connection. Closes the connection if the request fails such that
    /// nothing more can be done on it.
    pub(super) async fn request<T>(
        &self,
        session: &Arc<Session>,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, RequestError> {
        let (failure, is_broken) = match timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(answer)) => {
                self.database.record_success();
                return Ok(answer);
            }
            Ok(Err(error)) => RequestError::from_database(&error),
            Err(_) => return Err(self.give_up(session, REQUEST_TIMEOUT).await),
        };
        if is_broken {
            self.close(session).await;
            let is_exhausted = failure.kind != FailureKind::Unknown;
            let lasts = if is_exhausted { EXHAUSTION_PAUSE } else { Duration::ZERO };
            self.database.record_failure(&failure.error, lasts);
        }
        Err(failure)
    }

    /// Closes a connection whose server did not answer a request in time.
    pub(super) async fn give_up(&self, session: &Arc<Session>, after: Duration) -> RequestError {
        let seconds = after.as_secs();
        let failure = RequestError::unknown(&format!("the database did not answer within {seconds} seconds"));
        self.close(session).await;
        self.database.record_failure(&failure.error, Duration::ZERO);
        failure
    }

    /// Closes a connection that failed. All requests that it still carries fail.
    pub(super) async fn close(&self, session: &Arc<Session>) {
        session.close();
        let mut state = self.state.lock().await;
        if state.session.as_ref().is_some_and(|open| Arc::ptr_eq(open, session)) {
            state.session = None;
            metrics::record_disconnect();
        }
    }
}

impl RequestError {
    pub(super) fn unknown(why: &str) -> Self {
        Self { error: StorageError::unknown(format!("{why}{MAY_BE_COMMITTED}")), kind: FailureKind::Unknown }
    }

    /// Returns the same failure of a request before the end of its transaction.
    pub(super) fn before_commit(self) -> Self {
        if self.kind != FailureKind::Unknown {
            return self;
        }
        let why = self.error.to_string();
        let error = StorageError::new(why.strip_suffix(MAY_BE_COMMITTED).unwrap_or(&why));
        Self { error, kind: FailureKind::Lost }
    }

    /// Returns the failure, and whether the storage cannot be used until the connection is opened again.
    fn from_database(error: &tokio_postgres::Error) -> (Self, bool) {
        let text = describe(error);
        let Some(answer) = error.as_db_error() else {
            return (
                Self::unknown(&format!("the connection to the database rejected the request: {text}")),
                true,
            );
        };
        let code = answer.code();
        if is_fatal(error) {
            return (Self::unknown(&format!("the database closed the connection: {text}")), true);
        }
        let is_conflict =
            [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code);
        let kind = match code.code() {
            _ if is_conflict => FailureKind::Conflict,
            CHANNEL_CHANGED => FailureKind::ChannelChanged,
            NOT_REGISTERED => FailureKind::NotRegistered,
            _ if [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::PROTOCOL_VIOLATION].contains(code) => {
                FailureKind::NotPrepared
            }
            _ if *code == SqlState::LOCK_NOT_AVAILABLE => FailureKind::Locked,
            _ => FailureKind::RolledBack,
        };
        // The disk is full, a limit is reached, or the server became a replica.
        let is_broken = ["53", "57", "58"].iter().any(|class| code.code().starts_with(class))
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION;
        (
            Self { error: StorageError::new(format!("the database rejected the request: {text}")), kind },
            is_broken,
        )
    }
}

/// Returns whether the connection has ended with an error.
fn is_fatal(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_none_or(|answer| ["FATAL", "PANIC"].contains(&answer.severity()))
}

/// Returns the text of an error and of its cause.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    if let Some(answer) = error.as_db_error() {
        return format!("{} ({})", answer.message(), answer.code().code());
    }
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_exhausted_resource_counts_as_a_failure_although_other_requests_succeed() {
        let schema = Schema::new("fanfare").unwrap();
        let database = Database::new("postgres://localhost", schema).unwrap();
        let failure = StorageError::new("the disk is full");
        database.record_failure(&failure, EXHAUSTION_PAUSE);
        database.record_success();
        assert_eq!(database.health(), Err(failure));
        tokio::time::advance(EXHAUSTION_PAUSE).await;
        database.record_success();
        assert_eq!(database.health(), Ok(()));
        database.record_failure(&StorageError::new("the connection failed"), Duration::ZERO);
        database.record_success();
        assert_eq!(database.health(), Ok(()));
    }
}
