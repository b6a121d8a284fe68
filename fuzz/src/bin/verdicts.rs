//! Gives the verdicts of Rust, for the fuzzer of JavaScript: reads lines `["order", "{…}"]`, a topic and JSON text, and
//! writes the issues, or `null` for a payload without any.

use std::io::{Write, stdin, stdout};

fn main() -> std::io::Result<()> {
    for line in stdin().lines() {
        let verdict = serde_json::from_str::<(String, String)>(&line?).ok();
        let verdict = verdict.map(|(topic, text)| fanfare_fuzz::issues(&topic, &text));
        writeln!(stdout(), "{}", serde_json::Value::from(verdict.flatten()))?;
    }
    Ok(())
}
