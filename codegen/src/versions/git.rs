//! Reads the definitions of a git revision.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::Version;
use crate::schemas::Schemas;

/// Writes the definitions of a revision to a temporary folder.
pub(super) fn check_out(revision: &str, current: &Schemas) -> io::Result<Version> {
    let unknown = |reason: &str| {
        io::Error::other(format!(
            "`{revision}` is neither a folder, a file nor a git revision: {reason}\nhelp: name a branch, a tag or a commit, such as `main`, or a folder with definitions"
        ))
    };
    let arguments =
        ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")];
    let commit = git(&current.folder, &arguments).map_err(|error| match error.to_string().as_str() {
        "" => unknown("git does not know it"),
        reason => unknown(reason),
    })?;
    let target = TempDir::new()?;
    let Some(folder) = extract(&current.folder, &commit, target.path())? else {
        let folder = current.folder.display();
        return Err(io::Error::other(format!("no definitions in `{folder}` at `{revision}`")));
    };
    // Files that the repository does not contain, such as those of packages, have no other version.
    let other = |folder: &PathBuf| {
        let extracted = extract(folder, &commit, target.path()).ok().flatten();
        extracted.unwrap_or_else(|| folder.clone())
    };
    let referable = current.referable.iter().map(other).collect();
    Ok(Version { schemas: Schemas { folder, file: None, referable }, folder: Some(target) })
}

/// Writes the YAML and JSON files of a folder at a commit, below their paths in the repository. Returns the folder that
/// they are in, or `None` if there are no such files.
fn extract(folder: &Path, commit: &str, target: &Path) -> io::Result<Option<PathBuf>> {
    let prefix = git(folder, &["rev-parse", "--show-prefix"])?;
    let listing = git(folder, &["ls-tree", "-r", "-z", "--full-name", commit, "--", "."])?;
    let files: Vec<(&str, &str)> = listing.split('\0').filter_map(definition_file).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let mut process = Command::new("git")
        .current_dir(folder)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (mut input, output) = (process.stdin.take(), process.stdout.take());
    let mut output = BufReader::new(output.ok_or_else(|| io::Error::other("git has no output"))?);
    for (object, path) in &files {
        let input = input.as_mut().ok_or_else(|| io::Error::other("git has no input"))?;
        writeln!(input, "{object}")?;
        input.flush()?;
        let mut header = String::new();
        output.read_line(&mut header)?;
        let size = header.split_whitespace().nth(2).and_then(|size| size.parse::<u64>().ok());
        let size =
            size.ok_or_else(|| io::Error::other(format!("git cannot read {path}: {}", header.trim_end())))?;
        let mut text = Vec::new();
        output.by_ref().take(size).read_to_end(&mut text)?;
        // A line break follows each object.
        output.read_exact(&mut [0])?;
        let file = target.join(path);
        fs::create_dir_all(file.parent().unwrap_or(target))?;
        fs::write(file, text)?;
    }
    drop(input);
    process.wait()?;
    Ok(Some(target.join(prefix)))
}

/// Returns the object and the path of a regular file that may be a definition.
fn definition_file(line: &str) -> Option<(&str, &str)> {
    let (head, path) = line.split_once('\t')?;
    let extension = Path::new(path).extension()?;
    let is_definition = ["yaml", "yml", "json"].iter().any(|known| extension == *known);
    let object = head.split(' ').nth(2)?;
    (is_definition && head.starts_with("100")).then_some((object, path))
}

/// Runs git in a folder, and returns its output. The error is what git prints.
fn git(folder: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("git").current_dir(folder).args(arguments).output().map_err(|error| {
        let reason = if folder.is_dir() { "cannot run git" } else { "cannot open the definition folder" };
        io::Error::other(format!("{reason}: {error}"))
    })?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let text = String::from_utf8(output.stdout).map_err(io::Error::other)?;
    Ok(text.trim_end_matches('\n').to_owned())
}
