use std::thread;

use super::*;

/// The subjects that depend on the machine of the test.
const OF_MACHINE: [&str; 2] = ["file system", "disk"];

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("fanfare-check-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Returns the names of the files.
    fn list(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn problems(report: &StorageReport) -> Vec<&'static str> {
    report.problems().into_iter().filter(|subject| !OF_MACHINE.contains(subject)).collect()
}

#[test]
fn a_check_changes_nothing_and_finds_restored_backups() {
    let folder = Folder::new("backup");
    // A name that a URI would have to encode.
    let path = folder.0.join("a?b#c%20.db");
    let report = Sqlite::check(&path);
    assert_eq!((problems(&report), folder.list().len()), (vec![], 0), "{report:#?}");
    let storage = Sqlite::open(&path).unwrap();
    let report = Sqlite::check(&path);
    assert_eq!(problems(&report), [""; 0], "{report:#?}");
    drop(storage);
    let (files, content) = (folder.list(), fs::read(&path).unwrap());
    let report = Sqlite::check(&path);
    assert_eq!(problems(&report), [""; 0], "{report:#?}");
    assert_eq!((folder.list(), &fs::read(&path).unwrap()), (files, &content));
    drop(Sqlite::open(&path).unwrap());
    fs::write(&path, content).unwrap();
    assert_eq!(problems(&Sqlite::check(&path)), ["backup"]);
}

#[test]
fn a_check_finds_files_that_servers_cannot_open() {
    let folder = Folder::new("files");
    let path = folder.0.join("fanfare.db");
    assert_eq!(problems(&Sqlite::check(path.join("below.db"))), ["file"]);
    drop(Sqlite::open(&path).unwrap());
    let set = |pragma: &str| {
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(&format!("PRAGMA {pragma}")).unwrap();
    };
    set(&format!("user_version = {}", VERSION - 1));
    let report = Sqlite::check(&path);
    assert!(!report.has_failed() && report.problem("tables").unwrap().message.contains("will migrate"));
    set(&format!("user_version = {}", VERSION + 1));
    let report = Sqlite::check(&path);
    assert!(report.has_failed() && report.problem("tables").unwrap().message.contains("update the server"));
    set("application_id = 7");
    assert!(Sqlite::check(&path).problem("tables").unwrap().message.contains("another program"));
    fs::write(&path, "this is not a database, but it is long enough to be one".repeat(100)).unwrap();
    assert!(Sqlite::check(&path).has_failed());
}

#[test]
fn a_check_finds_damage() {
    let folder = Folder::new("damage");
    let path = folder.0.join("fanfare.db");
    drop(Sqlite::open(&path).unwrap());
    let mut content = fs::read(&path).unwrap();
    let page = 4096;
    assert!(content.len() > 5 * page);
    content[4 * page..5 * page].fill(0xff);
    fs::write(&path, content).unwrap();
    let report = Sqlite::check(&path);
    assert!(report.has_failed(), "{report:#?}");
    assert!(report.problem("damage").or(report.problem("tables")).is_some(), "{report:#?}");
}

#[test]
fn servers_that_start_or_stop_during_a_check_do_not_look_like_damage_or_a_backup() {
    let folder = Folder::new("meanwhile");
    let path = folder.0.join("fanfare.db");
    drop(Sqlite::open(&path).unwrap());
    let write = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    // Reading these pages takes a while.
    write(
        "CREATE TABLE filler (id INTEGER PRIMARY KEY, content BLOB);
         CREATE INDEX filler_content ON filler (content);
         WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids LIMIT 20000)
         INSERT INTO filler SELECT id, randomblob(200) FROM ids",
    );
    for delay in 0..20 {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(delay));
                let storage = Sqlite::open(&path).unwrap();
                write("UPDATE filler SET content = randomblob(200) WHERE id % 9 = 0");
                drop(storage);
            });
            let report = Sqlite::check(&path);
            assert_eq!(problems(&report), [""; 0], "after {delay} ms: {report:#?}");
        });
    }
}
