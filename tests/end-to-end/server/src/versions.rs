//! The two versions of the definition in `tests/end-to-end/versions`.

use fanfare::{Hub, Registry, Runs, RunsError};
use serde::Deserialize;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Version {
    Old,
    New,
}

impl Version {
    pub(crate) fn registry(self) -> &'static Registry {
        match self {
            Self::Old => &old::channels::REGISTRY,
            Self::New => &new::channels::REGISTRY,
        }
    }

    /// Starts or continues the run that counts votes.
    pub(crate) async fn start_runs(self, hub: &Hub) -> Result<Runs, RunsError> {
        match self {
            Self::Old => old::start_runs(hub).await,
            Self::New => new::start_runs(hub).await,
        }
    }
}

/// Makes a module with the code that is generated for a version, and with the job that uses it.
macro_rules! version {
    ($version:ident, $channels:literal) => {
        mod $version {
            use std::time::Duration;

            use channels::vote::Vote;
            use fanfare::{Hub, Run, RunError, Runs, RunsError};

            #[allow(dead_code, missing_docs, unreachable_pub)]
            pub(super) mod channels {
                include!(concat!(env!("OUT_DIR"), $channels));
            }

            pub(super) async fn start_runs(hub: &Hub) -> Result<Runs, RunsError> {
                let mut runs = Runs::builder(hub);
                let job = runs.register("vote", |run, ()| count(run));
                let runs = runs.build().await?;
                runs.start(&job, "vote", &Vote::new(), &()).await?;
                Ok(runs)
            }

            /// Publishes every answer.
            async fn count(run: Run<Vote>) -> Result<(), RunError> {
                let patience = Duration::from_secs(3600);
                for number in 1.. {
                    let Some(answer) = run.wait_for(run.channel().answer(), patience).await? else { break };
                    let answer = String::from(answer.payload);
                    run.publish(&format!("count {number}"), run.channel().counted(), &answer).await?;
                }
                Ok(())
            }
        }
    };
}

version!(old, "/old/rust/channels.rs");
version!(new, "/new/rust/channels.rs");
