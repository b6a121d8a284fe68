//! Attackers get a core of their own, as if they had their own machine. The server and the honest clients share the
//! others, so that what is measured is what an attack costs the server.

/// Reserves the last core for attackers. Call this before any other thread starts: threads and processes inherit it.
pub fn reserve_for_attackers() {
    #[cfg(target_os = "linux")]
    with_cores(|cores| {
        let mut others = rustix::thread::CpuSet::new();
        cores[..cores.len() - 1].iter().for_each(|core| others.set(*core));
        others
    });
}

/// Returns a runtime whose threads run on the reserved core.
pub(crate) fn attackers_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let last = last_core();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(move || move_to(last))
        .enable_all()
        .build()
}
