//! Measures how the tables grow while old messages are deleted.

use super::super::figures::Figures;
use super::super::machine;
use super::report::time;
use super::servers::{Postgres, bench};
use crate::failure::Result;
use crate::step::step;

const RATE: usize = 2_000;

pub(crate) fn measure(postgres: &Postgres, is_quick: bool) -> Result {
    let seconds = if is_quick { 33 } else { 60 };
    let url = postgres.create_database()?;
    let (rate, duration) = (RATE.to_string(), seconds.to_string());
    let arguments = ["growth", "--storage", &url, "--rate", &rate, "--seconds", &duration];
    let title = format!("Publishing {RATE} messages per second for {seconds} s");
    let figures = Figures::read(&step(&title, || bench(&arguments))?)?;
    println!("\n# Growth of the tables\n\n{}; {}.", machine::describe(), postgres.version);
    println!("{RATE} messages per second to 20 channels with a history of 1,000 messages each.\n");
    println!(
        "| after | messages: size | live rows | dead rows | vacuums | other tables: size | dead rows | accepted, p50 | p99 |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let filling = |name: &str| time(figures.get(&format!("filling_{name}")));
    println!("| until the history is full | | | | | | | {} | {} |", filling("p50"), filling("p99"));
    for part in 1..=3 {
        let figure = |name: &str| figures.get(&format!("{part}_{name}"));
        println!(
            "| {} s | {:.0} MB | {:.0} k | {:.0} k | {} | {:.1} MB | {:.1} k | {} | {} |",
            seconds / 3 * part,
            figure("messages_mb"),
            figure("messages_live") / 1e3,
            figure("messages_dead") / 1e3,
            figure("messages_vacuums"),
            figure("others_mb"),
            figure("others_dead") / 1e3,
            time(figure("p50")),
            time(figure("p99")),
        );
    }
    Ok(())
}
