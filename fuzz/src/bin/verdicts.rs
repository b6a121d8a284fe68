//! Prints the verdicts of Rust, for the JavaScript fuzzer. Reads lines such as `["order", "{…}"]`, a topic and JSON
//! text, and writes the issues of each payload, or `null` if it has none.

use std::io::{Write, stdin, stdout};

fn main() -> std::io::Result<()> {
    for line in stdin().lines() {
        let verdict = serde_json::from_str::<(String, String)>(&line?).ok();
        let verdict = verdict.map(|(topic, text)| fanfare_fuzz::issues(&topic, &text));
        writeln!(stdout(), "{}", serde_json::Value::from(verdict.flatten()))?;
    }
    Ok(())
}
