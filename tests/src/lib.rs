//! Compiles the server in the README, and the examples in `docs/`. The tests in `docs/testing-rust.md` are run.

#[allow(dead_code, reason = "the server is compiled, but not run")]
mod readme {
    include!(concat!(env!("OUT_DIR"), "/main.rs"));
}

pub use examples::write_schemas;

#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unused_async,
    clippy::wildcard_imports,
    reason = "examples are compiled, but not run, and each uses only some of the definitions"
)]
mod examples {
    mod axum;
    mod definition;
    mod from_rust_types;
    mod management;
    mod other_rust_servers;
    mod runs;
    #[cfg(test)]
    mod rust_client;
    mod studio;
    #[cfg(test)]
    mod testing_rust;
    mod tokens;
    #[cfg(test)]
    mod transactions;
    mod vite;
    mod your_auth;

    mod axum_page {
        include!(concat!(env!("OUT_DIR"), "/axum.rs"));
    }

    mod definition_page {
        include!(concat!(env!("OUT_DIR"), "/definition.rs"));
    }

    mod from_rust_types_page {
        include!(concat!(env!("OUT_DIR"), "/from-rust-types.rs"));
    }

    mod management_page {
        include!(concat!(env!("OUT_DIR"), "/management.rs"));
    }

    mod other_rust_servers_page {
        include!(concat!(env!("OUT_DIR"), "/other-rust-servers.rs"));
    }

    mod studio_page {
        include!(concat!(env!("OUT_DIR"), "/studio.rs"));
    }

    mod runs_page {
        include!(concat!(env!("OUT_DIR"), "/runs.rs"));
    }

    #[cfg(test)]
    mod rust_client_page {
        include!(concat!(env!("OUT_DIR"), "/rust-client.rs"));
    }

    #[cfg(test)]
    mod testing_rust_page {
        include!(concat!(env!("OUT_DIR"), "/testing-rust.rs"));
    }

    mod tokens_page {
        include!(concat!(env!("OUT_DIR"), "/tokens.rs"));
    }

    #[cfg(test)]
    mod transactions_page {
        include!(concat!(env!("OUT_DIR"), "/transactions.rs"));
    }

    mod vite_page {
        include!(concat!(env!("OUT_DIR"), "/vite.rs"));
    }

    mod your_auth_page {
        include!(concat!(env!("OUT_DIR"), "/your-auth.rs"));
    }

    /// Writes the schemas of `docs/from-rust-types.md` to a folder.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
    pub fn write_schemas(folder: &std::path::Path) -> std::io::Result<()> {
        use from_rust_types_page::example_1::{Build, write_schema};
        write_schema::<Build>(&folder.join("build.schema.json"))
    }
}
