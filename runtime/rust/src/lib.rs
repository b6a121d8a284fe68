//! stub
pub mod formats;
pub mod payload;
pub mod schema;
