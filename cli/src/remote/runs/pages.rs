//! Lists that the server returns in pages.

use fanfare::client::TokenRequest;
use serde_json::Value;

use crate::remote::access::Access;
use crate::remote::failure::Failure;

/// The most items of a page.
const MAX_PAGE: usize = 500;

/// A server may return empty pages, but not forever.
const MAX_PAGES: usize = 10_000;

pub(super) type Query = Vec<(&'static str, String)>;

/// Passes up to `limit` items of a list to a function, page by page. Returns `true` if the list has more.
pub(super) async fn read(
    access: &Access,
    route: &str,
    query: &Query,
    limit: usize,
    mut each_page: impl FnMut(Vec<Value>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let (mut left, mut cursor) = (limit, None::<String>);
    for _ in 0..MAX_PAGES {
        let mut request = access.client.get(route, TokenRequest::admin());
        for (name, value) in query {
            request = request.query(name, value);
        }
        request = request.query("limit", left.min(MAX_PAGE).to_string());
        if let Some(cursor) = cursor {
            request = request.query("cursor", cursor);
        }
        let mut page = request.await.map_err(|error| access.explain_admin(error))?;
        let Value::Array(items) = page["items"].take() else {
            return Err(Failure::usage(format!("{} did not respond with a list", access.url)));
        };
        left = left.saturating_sub(items.len());
        each_page(items)?;
        cursor = page["next"].as_str().map(str::to_owned);
        if left == 0 || cursor.is_none() {
            return Ok(cursor.is_some());
        }
    }
    Ok(true)
}

/// Returns all items of a list of one run.
pub(super) async fn read_all(access: &Access, route: &str, run: &str) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    let query = vec![("run_id", run.to_owned())];
    read(access, route, &query, usize::MAX, |items| {
        all.extend(items);
        Ok(())
    })
    .await?;
    Ok(all)
}
