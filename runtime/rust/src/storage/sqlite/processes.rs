//! The processes that have the file open, and whether they have ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::{Connection, Result, params};

use crate::{clock, random};

/// Replaces the start time of a process that has ended.
const ENDED: &str = "ended";

/// Identifies a process among all others.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    pid: u32,
    /// The boot id and the PID namespace, within which the PID is unique.
    host: String,
    /// When the process started, in the system's clock ticks.
    start_time: String,
}

/// The number of this process in the file. It changes if another process finds that this one has ended.
#[derive(Clone, Debug)]
pub(super) struct OwnNumber(Arc<AtomicU32>);

impl OwnNumber {
    pub(super) fn new(owner: u32) -> Self {
        Self(Arc::new(AtomicU32::new(owner)))
    }

    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, owner: u32) {
        self.0.store(owner, Ordering::Relaxed);
    }
}

/// Records this process, and returns its number in the file.
pub(super) fn register(connection: &Connection) -> Result<u32> {
    let Identity { pid, host, start_time } = Identity::own();
    let owner = random::number();
    connection
        .execute("INSERT INTO processes VALUES (?1, ?2, ?3, ?4)", params![owner, pid, host, start_time])?;
    Ok(owner)
}

pub(super) fn unregister(connection: &Connection, owner: u32) -> Result<()> {
    connection.execute("DELETE FROM processes WHERE owner = ?1", [owner])?;
    Ok(())
}

/// Returns whether a process has a row, and no other process has marked it as ended.
pub(super) fn is_registered(connection: &Connection, owner: u32) -> Result<bool> {
    let sql = "SELECT 1 FROM processes WHERE owner = ?1 AND began <> ?2";
    connection.prepare_cached(sql)?.exists(params![owner, ENDED])
}

/// Returns whether any process may have the file open.
pub(super) fn is_any_running(connection: &Connection) -> Result<bool> {
    Ok(list_registered(connection)?.iter().any(|(_, identity)| !identity.has_ended()))
}

/// Removes the processes that ended without closing the file, and returns them.
pub(super) fn remove_ended(connection: &Connection) -> Result<Vec<u32>> {
    let mut ended = Vec::new();
    for (owner, identity) in list_registered(connection)? {
        if identity.has_ended() {
            unregister(connection, owner)?;
            ended.push(owner);
        }
    }
    Ok(ended)
}

/// Marks a process that has ended, so that it can write no more text if it runs after all. Its row stays until its runs
/// are freed.
pub(super) fn mark_ended(connection: &Connection, owner: u32) -> Result<()> {
    if !is_running(connection, owner)? {
        connection.execute("UPDATE processes SET began = ?2 WHERE owner = ?1", params![owner, ENDED])?;
    }
    Ok(())
}

/// Removes the processes that ended without closing the file, except those that hold runs: [`remove_ended`] finds
/// those, so that the runs are freed, too.
pub(super) fn remove_ended_without_runs(connection: &Connection) -> Result<()> {
    let mut remove = connection.prepare_cached(
        "DELETE FROM processes WHERE owner = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE owner = ?1)",
    )?;
    for (owner, _) in list_registered(connection)?.into_iter().filter(|(_, identity)| identity.has_ended()) {
        remove.execute([owner])?;
    }
    Ok(())
}

/// Returns the processes that may have the file open.
pub(super) fn list_running(connection: &Connection) -> Result<BTreeSet<u32>> {
    let running = list_registered(connection)?.into_iter().filter(|(_, identity)| !identity.has_ended());
    Ok(running.map(|(owner, _)| owner).collect())
}

/// Returns whether a process may have the file open.
pub(super) fn is_running(connection: &Connection, owner: u32) -> Result<bool> {
    let is_running = |(known, identity): &(u32, Identity)| *known == owner && !identity.has_ended();
    Ok(list_registered(connection)?.iter().any(is_running))
}

fn list_registered(connection: &Connection) -> Result<Vec<(u32, Identity)>> {
    let mut statement = connection.prepare_cached("SELECT owner, pid, place, began FROM processes")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, Identity { pid: row.get(1)?, host: row.get(2)?, start_time: row.get(3)? }))
    })?;
    rows.collect()
}

impl Identity {
    fn own() -> Self {
        #[cfg(feature = "simulation")]
        if let Some(world) = crate::simulation::world() {
            return Self { pid: world.process(), host: "simulation".into(), start_time: String::new() };
        }
        let pid = std::process::id();
        Self { pid, host: host_id(), start_time: read_start_time(pid).unwrap_or_default() }
    }

    /// Returns whether the process has certainly ended. If this cannot be known, its leases expire instead.
    fn has_ended(&self) -> bool {
        #[cfg(feature = "simulation")]
        if let Some(world) = crate::simulation::world() {
            return world.has_ended(self.pid);
        }
        let here = host_id();
        if here.is_empty() || self.host.is_empty() {
            return false;
        }
        let same_system = here.split(' ').next() == self.host.split(' ').next();
        !same_system || (here == self.host && read_start_time(self.pid).as_ref() != Some(&self.start_time))
    }
}

/// Returns the boot id and the PID namespace, or an empty string if the system has none.
fn host_id() -> String {
    match (clock::boot_id(), std::fs::read_link("/proc/self/ns/pid")) {
        (Some(boot), Ok(namespace)) => format!("{boot} {}", namespace.display()),
        _ => String::new(),
    }
}

/// Returns when a process started, or `None` if it does not exist or has ended without being reaped.
fn read_start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may contain anything. The state follows; the start time is 19 fields later.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X");
    fields.nth(18).filter(|_| !has_ended).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::schema::prepare;
    use super::*;

    #[test]
    fn a_running_process_has_not_ended_and_one_that_never_ran_has() {
        let own = Identity::own();
        assert!(!own.has_ended());
        if own.host.is_empty() {
            return;
        }
        let earlier = Identity { start_time: "1".into(), ..Identity::own() };
        let of_another_namespace = Identity { host: format!("{}x", own.host), ..Identity::own() };
        let of_another_start = Identity { host: format!("x{}", own.host), ..Identity::own() };
        assert!(earlier.has_ended() && of_another_start.has_ended() && !of_another_namespace.has_ended());
    }

    #[test]
    fn an_ended_process_is_forgotten_unless_it_holds_runs() {
        if host_id().is_empty() {
            return;
        }
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection).unwrap();
        let running = register(&connection).unwrap();
        let insert = "INSERT INTO processes SELECT ?1, pid, place, '1' FROM processes LIMIT 1";
        for ended in [1, 2] {
            connection.execute(insert, [ended]).unwrap();
        }
        let run = "INSERT INTO runs (run, job, channel, input, state, due, owner, changed)
                   VALUES ('run_1', 'job', 'room:1', 'null', 'running', 0, 2, 0)";
        connection.execute(run, []).unwrap();
        remove_ended_without_runs(&connection).unwrap();
        let owners: BTreeSet<_> =
            list_registered(&connection).unwrap().into_iter().map(|(owner, _)| owner).collect();
        assert_eq!(owners, BTreeSet::from([2, running]));
        assert_eq!(remove_ended(&connection).unwrap(), [2]);
    }

    #[test]
    fn a_process_has_ended_before_its_parent_reaps_it() {
        if host_id().is_empty() {
            return;
        }
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity =
            Identity { pid: child.id(), host: host_id(), start_time: read_start_time(child.id()).unwrap() };
        assert!(!identity.has_ended());
        child.kill().unwrap();
        let mut looks = (0..1000).map(|_| std::thread::sleep(std::time::Duration::from_millis(5)));
        assert!(looks.any(|()| identity.has_ended()));
        child.wait().unwrap();
    }
}
