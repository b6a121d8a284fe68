//! A file imports only from files on floors below its own.
