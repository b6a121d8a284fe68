//! Runs attackers on a separate core, as if they had their own machine. The server and the honest clients share the
//! other cores, so that the measurements show what an attack costs the server.

use crate::{Error, Result};
use std::future::Future;
use std::io;
use tokio::runtime::{Builder, Runtime};

/// The threads of attackers.
pub struct Attackers {
    runtime: Runtime,
}

impl Attackers {
    /// Reserves the last core for attackers. Threads and processes started later run on the others. With one core, or
    /// on a system other than Linux, all share the cores.
    ///
    /// # Errors
    /// Returns an error if the system cannot bind threads to cores.
    pub fn start() -> io::Result<Self> {
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(1).enable_all();
        #[cfg(target_os = "linux")]
        {
            use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
            let all = sched_getaffinity(None)?;
            let last = (0..CpuSet::MAX_CPU).rfind(|core| all.is_set(*core));
            if let Some(last) = last.filter(|_| all.count() > 1) {
                let (mut reserved, mut others) = (CpuSet::new(), all);
                reserved.set(last);
                others.unset(last);
                threads.on_thread_start(move || {
                    let _ = sched_setaffinity(None, &reserved);
                });
                sched_setaffinity(None, &others)?;
            }
        }
        Ok(Self { runtime: threads.build()? })
    }

    /// Runs one attack to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        attack: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.runtime.spawn(attack).await.map_err(Error::from)?
    }
}
