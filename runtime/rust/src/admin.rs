//! Showing and changing what a server holds: channels, runs and connections.
//!
//! [`Hub::admin`] works in the server's own code. [`HubBuilder::admin_routes`](crate::HubBuilder::admin_routes) serves
//! the same over HTTP; `runtime/ADMIN.md` specifies it. The types here are written to JSON as they are in the responses.

use crate::hub::Hub;
use crate::hub::TokenBuilder;
use crate::runs::{CancelOutcome, RetryOutcome, RunActionError, RunsError, StartOutcome, manage};

mod calls;
mod channels;
mod connections;
mod error;
mod history;
mod page;
mod payload;
mod runs;
mod server;

pub use calls::{CallState, QuestionAnswer, RunCall, RunQuestion, RunSignal};
pub use channels::{ChannelFilter, ChannelInfo};
pub use connections::{ConnectionInfo, SubscribedTopicInfo, SubscriptionInfo};
pub use error::AdminError;
pub use history::{HistoryFilter, HistoryItem, LoggedMessage, LoggedText};
pub use page::{Page, PageRequest};
pub use payload::PayloadSchema;
pub use runs::{RerunOrigin, RunDetails, RunFilter, RunInfo};
pub use server::{DefinitionInfo, HistoryInfo, ParamInfo, ServerInfo, ServerStatus, SignalInfo, TopicInfo};

pub use crate::metrics::MetricSample;
pub use crate::storage::{RunActivity, RunStateName};

/// Shows and changes what a hub holds. Returned by [`Hub::admin`].
///
/// ```
/// # async fn show(hub: fanfare::Hub) -> Result<(), Box<dyn std::error::Error>> {
/// use fanfare::admin::{PageRequest, RunFilter, RunStateName};
///
/// let failed = RunFilter::new().state(RunStateName::Failed);
/// let mut page = PageRequest::new();
/// loop {
///     let runs = hub.admin().runs(&failed, &page).await?;
///     for run in &runs.items {
///         println!("{}: {}", run.run_id, run.error.as_deref().unwrap_or_default());
///         hub.admin().retry(&run.run_id).await?;
///     }
///     let Some(next) = runs.next else { break };
///     page = page.cursor(next);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Admin {
    hub: Hub,
}

impl Hub {
    /// Returns a handle that shows and changes what the hub holds.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin { hub: self.clone() }
    }
}

impl Admin {
    /// Returns a builder of a token for the admin routes, which grants nothing else. Its lifetime, subject and id are set
    /// as for other tokens.
    pub fn token(&self) -> TokenBuilder<'_> {
        TokenBuilder::for_admin(&self.hub)
    }

    /// Cancels a run, like [`Runs::cancel`](crate::Runs::cancel), also in a process that executes no runs.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub async fn cancel(&self, run_id: &str) -> Result<CancelOutcome, RunsError> {
        manage::cancel(&self.hub, run_id).await
    }

    /// Continues a failed or halted run, like [`Runs::retry`](crate::Runs::retry).
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Runs::retry`](crate::Runs::retry).
    pub async fn retry(&self, run_id: &str) -> Result<RetryOutcome, RunActionError> {
        manage::retry(&self.hub, run_id).await
    }

    /// Ends the sleeps and delays of a run early, like [`Runs::wake`](crate::Runs::wake).
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Runs::wake`](crate::Runs::wake).
    pub async fn wake(&self, run_id: &str, call: Option<&str>) -> Result<usize, RunActionError> {
        manage::wake(&self.hub, run_id, call).await
    }

    /// Starts a run that keeps what another run recorded before one of its calls, like
    /// [`Runs::rerun`](crate::Runs::rerun).
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Runs::rerun`](crate::Runs::rerun).
    pub async fn rerun(
        &self,
        run_id: &str,
        call: &str,
        new_run_id: &str,
    ) -> Result<StartOutcome, RunActionError> {
        manage::rerun(&self.hub, run_id, call, new_run_id).await
    }
}
