//! One connection: two pumps, and the faults that happen to it.

use super::faults::{Direction, Fault, next};
use super::{Shared, count};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What the pumps do with what they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Sound,
    Slow(Duration),
    Stalled,
    HalfClosed(Direction),
    Swallowing { up: bool, down: bool },
}

/// How a connection ends.
enum End {
    /// Both sides closed it.
    Closed,
    /// With a reset.
    Reset,
    /// In the middle of what was on its way.
    Torn,
}

/// Carries what both sides send until they close, or until a fault ends it. Of such a fault `cut_off`
/// learns until when the party cannot connect.
pub(super) async fn carry(
    mut near: TcpStream,
    mut far: TcpStream,
    mut random: fastrand::Rng,
    shared: &Shared,
    cut_off: &watch::Sender<Instant>,
) {
    let conditions = watch::Sender::new(Condition::Sound);
    // Small frames must not wait for each other: latency here is what the faults say.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let end = {
        let (near_reads, near_writes) = near.split();
        let (far_reads, far_writes) = far.split();
        let up = pump(near_reads, far_writes, Direction::Up, conditions.subscribe());
        let down = pump(far_reads, near_writes, Direction::Down, conditions.subscribe());
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => if both.is_ok() { End::Closed } else { End::Reset },
            end = suffer(&conditions, &mut random, shared, cut_off) => end,
        }
    };
    match end {
        End::Closed => {}
        End::Torn => {
            tear(&far, &near, &mut random);
            tear(&near, &far, &mut random);
        }
        End::Reset => {
            reset(near);
            reset(far);
        }
    }
}

/// Closes a connection with a reset: what was not read yet is gone.
pub(super) fn reset(stream: TcpStream) {
    // Where it fails the connection is gone already.
    let _ = stream.set_zero_linger();
    drop(stream);
}

async fn pump(
    mut reads: ReadHalf<'_>,
    mut writes: WriteHalf<'_>,
    direction: Direction,
    mut conditions: watch::Receiver<Condition>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let condition = *conditions.borrow_and_update();
        match condition {
            Condition::Stalled => {
                changed(&mut conditions).await;
                continue;
            }
            Condition::HalfClosed(closed) if closed == direction => return writes.shutdown().await,
            _ => {}
        }
        let length = tokio::select! {
            length = reads.read(&mut buffer) => length?,
            () = changed(&mut conditions) => continue,
        };
        if length == 0 {
            return writes.shutdown().await;
        }
        match condition {
            Condition::Swallowing { up: true, .. } if direction == Direction::Up => continue,
            Condition::Swallowing { down: true, .. } if direction == Direction::Down => continue,
            Condition::Slow(latency) => sleep(latency).await,
            _ => {}
        }
        writes.write_all(&buffer[..length]).await?;
    }
}

async fn changed(conditions: &mut watch::Receiver<Condition>) {
    // The sender lives for as long as the pumps do.
    if conditions.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Lets one fault after the other happen, and comes back with the one that ends the connection.
async fn suffer(
    conditions: &watch::Sender<Condition>,
    random: &mut fastrand::Rng,
    shared: &Shared,
    cut_off: &watch::Sender<Instant>,
) -> End {
    let mut healing = shared.faults.subscribe();
    loop {
        let Some(faults) = *healing.borrow_and_update() else {
            let _ = healing.changed().await;
            continue;
        };
        let next = next(random, faults);
        if elapsed_before_healing(next.after, &mut healing).await {
            count_fault(shared, next.fault);
            let (condition, lasts, end) = consequence(next.fault);
            conditions.send_replace(condition);
            elapsed_before_healing(lasts, &mut healing).await;
            if let Some(end) = end {
                cut_off.send_replace(Instant::now() + next.outage);
                return end;
            }
            conditions.send_replace(Condition::Sound);
        }
    }
}

/// What a fault makes of the connection, for how long, and how it then ends where it does.
fn consequence(fault: Fault) -> (Condition, Duration, Option<End>) {
    match fault {
        Fault::Slow { latency, lasts } => (Condition::Slow(latency), lasts, None),
        Fault::Stall { lasts } => (Condition::Stalled, lasts, None),
        Fault::Cut => (Condition::Sound, Duration::ZERO, Some(End::Reset)),
        Fault::Tear => (Condition::Stalled, Duration::from_millis(2), Some(End::Torn)),
        Fault::HalfClose { direction, lasts } => (Condition::HalfClosed(direction), lasts, Some(End::Reset)),
        Fault::Swallow { up, down, lasts } => (Condition::Swallowing { up, down }, lasts, Some(End::Reset)),
    }
}

fn count_fault(shared: &Shared, fault: Fault) {
    let counts = &shared.counts;
    count(match fault {
        Fault::Slow { .. } => &counts.slowed,
        Fault::Stall { .. } => &counts.stalled,
        Fault::Cut => &counts.cut,
        Fault::Tear => &counts.torn,
        Fault::HalfClose { .. } => &counts.half_closed,
        Fault::Swallow { .. } => &counts.swallowed,
    });
}

/// Waits, but not beyond the healing of the network. Tells whether the time was waited.
async fn elapsed_before_healing(
    time: Duration,
    healing: &mut watch::Receiver<Option<crate::plan::Faults>>,
) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        _ = healing.wait_for(Option::is_none) => false,
    }
}

/// Delivers a part of what has arrived.
fn tear(from: &TcpStream, to: &TcpStream, random: &mut fastrand::Rng) {
    let mut buffer = vec![0; 64 * 1024];
    if let Ok(length @ 1..) = from.try_read(&mut buffer) {
        // Where it fails nothing of it arrives, which is a part, too.
        let _ = to.try_write(&buffer[..random.usize(0..length)]);
    }
}
