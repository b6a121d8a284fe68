//! Checks the permissions of a file, its file system, and the free space.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::StorageReport;

/// The free space, in bytes, below which the check fails, or warns.
const MIN_FREE: u64 = 64 * 1024 * 1024;
const LOW_FREE: u64 = 1024 * 1024 * 1024;

pub(super) fn check(path: &Path, folder: &Path, report: &mut StorageReport) {
    let needed = Access::READ_OK | Access::WRITE_OK;
    let denied = [folder, path].into_iter().filter(|path| path.exists());
    let denied: Vec<&Path> = denied.filter(|path| access(*path, needed).is_err()).collect();
    for path in &denied {
        report.fail(
            "file",
            format!("this user lacks the permission to read and write {}", path.display()),
            "make the servers' user the owner of the file and of its folder, in which SQLite creates more files",
        );
    }
    if denied.is_empty() && path.exists() {
        report.ok("file", format!("this user may read and write {}", path.display()));
    }
    check_file_system(folder, report);
    if let Ok(disk) = statvfs(folder) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let message = format!("{} MiB are free", free / (1024 * 1024));
        let help = "free space on the disk, or move the file to a larger one";
        if free < MIN_FREE {
            report.fail("disk", message, help);
        } else if free < LOW_FREE {
            report.warn("disk", message, help);
        } else {
            report.ok("disk", message);
        }
    }
}

/// Checks that the file system supports SQLite's log, and that files on it outlive the machine and its container.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn check_file_system(folder: &Path, report: &mut StorageReport) {
    let Ok(found) = rustix::fs::statfs(folder) else { return };
    // The numbers are unsigned, but have different types per platform.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_cast)]
    let number = found.f_type as u32;
    let of_network = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "SMB"),
        (0xfe53_4d42, "SMB"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
    ];
    if let Some((_, name)) = of_network.iter().find(|(of_network, _)| *of_network == number) {
        report.fail(
            "file system",
            format!(
                "{} is on a network file system ({name}), on which SQLite can damage the file",
                folder.display()
            ),
            "move the file to a local disk; servers on several machines need PostgreSQL or NATS",
        );
        return;
    }
    let (effect, help) = match number {
        0x0102_1994 | 0x8584_58f6 => {
            ("is in memory: the file is lost when the machine restarts", "move the file to a disk")
        }
        0x794c_7630 => {
            ("is in a layer of a container: the file is lost with the container", "move the file to a volume")
        }
        0x6573_5546 | 0x0102_1997 => (
            "may be on a network file system, on which SQLite can damage the file",
            "make sure that it supports shared memory and locks, or move the file to a local disk",
        ),
        _ => return report.ok("file system", "the folder is on a local disk"),
    };
    report.warn("file system", format!("{} {effect}", folder.display()), help);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn check_file_system(_: &Path, _: &mut StorageReport) {}
