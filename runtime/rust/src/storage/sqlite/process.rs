//! The processes that have the file open, and which of them are gone.

use std::collections::BTreeSet;

use rusqlite::{Connection, Result, params};

use crate::{clock, random};

/// What tells a process from every other.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    pid: u32,
    /// The system's start and the namespace in which the number means something.
    place: String,
    /// When it began, as the system counts.
    began: String,
}

/// Takes note of this process, and gives the number by which the file knows it.
pub(super) fn enter(connection: &Connection) -> Result<u32> {
    let Identity { pid, place, began } = Identity::own();
    let owner = random::number();
    connection.execute("INSERT INTO processes VALUES (?1, ?2, ?3, ?4)", params![owner, pid, place, began])?;
    Ok(owner)
}

pub(super) fn leave(connection: &Connection, owner: u32) -> Result<()> {
    connection.execute("DELETE FROM processes WHERE owner = ?1", [owner])?;
    Ok(())
}

/// Whether any process has the file open, as far as can be told.
pub(super) fn is_any_here(connection: &Connection) -> Result<bool> {
    Ok(known(connection)?.iter().any(|(_, identity)| !identity.is_gone()))
}

/// The processes that had the file open and ended without a word. Each is told once.
pub(super) fn take_gone(connection: &Connection) -> Result<Vec<u32>> {
    let mut gone = Vec::new();
    for (owner, identity) in known(connection)? {
        if identity.is_gone() {
            leave(connection, owner)?;
            gone.push(owner);
        }
    }
    Ok(gone)
}

/// Returns the processes that have the file open, as far as can be told.
pub(super) fn here(connection: &Connection) -> Result<BTreeSet<u32>> {
    let known = known(connection)?.into_iter().filter(|(_, identity)| !identity.is_gone());
    Ok(known.map(|(owner, _)| owner).collect())
}

/// Whether a process has the file open, as far as can be told.
pub(super) fn is_here(connection: &Connection, owner: u32) -> Result<bool> {
    let is_here = |(known, identity): &(u32, Identity)| *known == owner && !identity.is_gone();
    Ok(known(connection)?.iter().any(is_here))
}

fn known(connection: &Connection) -> Result<Vec<(u32, Identity)>> {
    let mut statement = connection.prepare_cached("SELECT owner, pid, place, began FROM processes")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, Identity { pid: row.get(1)?, place: row.get(2)?, began: row.get(3)? }))
    })?;
    rows.collect()
}

impl Identity {
    fn own() -> Self {
        #[cfg(feature = "simulation")]
        if let Some(world) = crate::simulation::world() {
            return Self { pid: world.process(), place: "simulation".into(), began: String::new() };
        }
        let pid = std::process::id();
        Self { pid, place: place(), began: began(pid).unwrap_or_default() }
    }

    /// Whether it is certain that the process has ended. Where the system does not tell, or it ran
    /// on another one, it is not: its lease will end.
    fn is_gone(&self) -> bool {
        #[cfg(feature = "simulation")]
        if let Some(world) = crate::simulation::world() {
            return world.is_gone(self.pid);
        }
        let here = place();
        if here.is_empty() || self.place.is_empty() {
            return false;
        }
        let same_system = here.split(' ').next() == self.place.split(' ').next();
        !same_system || (here == self.place && began(self.pid).as_ref() != Some(&self.began))
    }
}

/// The system's start and the process namespace; empty where the system does not tell.
fn place() -> String {
    match (clock::boot_id(), std::fs::read_link("/proc/self/ns/pid")) {
        (Some(boot), Ok(namespace)) => format!("{boot} {}", namespace.display()),
        _ => String::new(),
    }
}

/// When a process began, in the system's ticks; nothing where there is none, or one that has ended and
/// whose parent has not looked yet.
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which may hold anything, stands in brackets; the state follows, and 19 fields later the start.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X");
    fields.nth(18).filter(|_| !has_ended).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_is_not_gone_and_one_that_never_did_is() {
        let own = Identity::own();
        assert!(!own.is_gone());
        if own.place.is_empty() {
            return;
        }
        let earlier = Identity { began: "1".into(), ..Identity::own() };
        let of_another_namespace = Identity { place: format!("{}x", own.place), ..Identity::own() };
        let of_another_start = Identity { place: format!("x{}", own.place), ..Identity::own() };
        assert!(earlier.is_gone() && of_another_start.is_gone() && !of_another_namespace.is_gone());
    }

    #[test]
    fn a_process_that_has_ended_is_gone_before_its_parent_looks() {
        if place().is_empty() {
            return;
        }
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity { pid: child.id(), place: place(), began: began(child.id()).unwrap() };
        assert!(!identity.is_gone());
        child.kill().unwrap();
        let mut looks = (0..1000).map(|_| std::thread::sleep(std::time::Duration::from_millis(5)));
        assert!(looks.any(|()| identity.is_gone()));
        child.wait().unwrap();
    }
}
