//! Tokens: what is not signed, not current or not for the topic grants nothing.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use super::lines;
use crate::server::{self, KEY};
use crate::sign::{fill_in_times, now, sign};

/// The requests that each token is tried with.
const URIS: [&str; 2] =
    ["/v1/realtime/publish?channel=room:1&topic=any", "/v1/realtime/signal?channel=room:1&name=approve"];

/// Reads a way to sign, a header and claims.
pub(crate) fn check(input: &[u8]) {
    let Some([way, header, claims]) = lines(input) else { return };
    let claims = fill_in_times(claims);
    let token = match way {
        "signed" => sign(KEY, header, &claims),
        "other key" => sign("another key, which the server does not know", header, &claims),
        "as it is" => header.to_owned(),
        _ => return,
    };
    for uri in URIS {
        let request = Request::post(uri).header("authorization", format!("Bearer {token}"));
        // The payload breaks the signal's definition, which is looked at once the token is accepted.
        let Ok(request) = request.body(Body::from("{}")) else { return };
        let status = server::start().answer(request).status.as_u16();
        assert!(matches!(status, 200 | 401 | 403 | 422 | 429), "status {status}");
        if matches!(status, 200 | 422) {
            assert_eq!(way, "signed", "a token that this server did not sign is accepted");
            let why = not_granted(&claims, uri == URIS[0]);
            assert_eq!(why, None, "accepted for {uri}: {claims}");
        }
    }
}

/// Returns why claims do not grant what was asked for, read independently of the server.
fn not_granted(claims: &str, publishes: bool) -> Option<&'static str> {
    let Ok(claims) = serde_json::from_str::<Value>(claims) else { return Some("not JSON") };
    let (list, name) = if publishes { ("topics", "any") } else { ("signals", "approve") };
    let names = |claim: &Value| claim["channel"] == "room:1" && claim["name"] == name;
    let is_named = claims[list].as_array().is_some_and(|claims| claims.iter().any(names));
    // Answering took a moment.
    let is_current =
        |exp: f64| Duration::try_from_secs_f64(exp + 1.0).is_ok_and(|exp| exp.as_secs() >= now());
    let conditions = [
        (claims["exp"].as_f64().is_some_and(is_current), "expired"),
        (claims["iss"] == "rt.inngest.com", "another issuer"),
        (claims["jti"].as_str().is_some_and(|id| !id.is_empty()), "no id to revoke it by"),
        (is_named, "not named"),
        (!publishes || claims["publish"] == true, "not for publishing"),
    ];
    conditions.iter().find(|(holds, _)| !holds).map(|(_, why)| *why)
}
