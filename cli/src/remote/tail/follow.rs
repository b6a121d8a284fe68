//! The reasons to stop that do not come from the server.

use std::future::Future;
use std::time::Duration;

/// How often to check whether the reader of the output is gone.
#[cfg(unix)]
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Waits for a future. Returns `None` if the user interrupts the command, or the reader of the output is gone.
pub(super) async fn until_stopped<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => None,
        () = reader_is_gone() => None,
        done = work => Some(done),
    }
}

/// Completes once nobody reads the standard output, as after `| head -1`. Writing would fail, but a quiet channel has
/// nothing to write.
#[cfg(unix)]
async fn reader_is_gone() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec::default();
    loop {
        let stdout = std::io::stdout();
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        if poll(&mut polled, Some(&now)).is_ok()
            && polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
        {
            return;
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}

#[cfg(not(unix))]
async fn reader_is_gone() {
    std::future::pending().await
}
