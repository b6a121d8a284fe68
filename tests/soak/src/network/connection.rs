//! Forwards one connection, and injects its faults.

use super::faults::{Direction, Fault, next};
use super::{Shared, count};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What the pumps do with the data that they read.
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
    /// After a part of the data in flight was delivered.
    Torn,
}

/// Forwards in both directions until both sides close the connection or a fault ends it. Such a fault sets `cut_off` to
/// the time until which the client cannot connect.
pub(super) async fn forward(
    mut near: TcpStream,
    mut far: TcpStream,
    mut random: fastrand::Rng,
    shared: &Shared,
    cut_off: &watch::Sender<Instant>,
) {
    let conditions = watch::Sender::new(Condition::Sound);
    // Without Nagle's algorithm, only faults cause latency.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let end = {
        let (near_reads, near_writes) = near.split();
        let (far_reads, far_writes) = far.split();
        let up = pump(near_reads, far_writes, Direction::Up, conditions.subscribe());
        let down = pump(far_reads, near_writes, Direction::Down, conditions.subscribe());
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => if both.is_ok() { End::Closed } else { End::Reset },
            end = apply_faults(&conditions, &mut random, shared, cut_off) => end,
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

/// Resets a connection, which discards unread data.
pub(super) fn reset(stream: TcpStream) {
    // It fails only if the connection is closed.
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
    // The sender outlives the pumps.
    if conditions.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Injects faults one by one, and returns how the last one ends the connection.
async fn apply_faults(
    conditions: &watch::Sender<Condition>,
    random: &mut fastrand::Rng,
    shared: &Shared,
    cut_off: &watch::Sender<Instant>,
) -> End {
    let mut faults_changed = shared.faults.subscribe();
    loop {
        let Some(faults) = *faults_changed.borrow_and_update() else {
            let _ = faults_changed.changed().await;
            continue;
        };
        let next = next(random, faults);
        if wait_unless_faults_stop(next.after, &mut faults_changed).await {
            count_fault(shared, next.fault);
            let (condition, lasts, end) = consequence(next.fault);
            conditions.send_replace(condition);
            wait_unless_faults_stop(lasts, &mut faults_changed).await;
            if let Some(end) = end {
                cut_off.send_replace(Instant::now() + next.outage);
                return end;
            }
            conditions.send_replace(Condition::Sound);
        }
    }
}

/// Returns the condition that a fault causes, its duration, and how the connection then ends, if it does.
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

/// Waits for a time or until faults stop. Returns `true` if the time elapsed.
async fn wait_unless_faults_stop(
    time: Duration,
    faults_changed: &mut watch::Receiver<Option<crate::plan::Faults>>,
) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        _ = faults_changed.wait_for(Option::is_none) => false,
    }
}

/// Delivers a part of the received data.
fn tear(from: &TcpStream, to: &TcpStream, random: &mut fastrand::Rng) {
    let mut buffer = vec![0; 64 * 1024];
    if let Ok(length @ 1..) = from.try_read(&mut buffer) {
        // If it fails, nothing is delivered, which is also a part.
        let _ = to.try_write(&buffer[..random.usize(0..length)]);
    }
}
