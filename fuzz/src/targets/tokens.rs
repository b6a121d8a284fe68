//! Tokens: only those that are signed, current and for the topic grant access.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use super::lines;
use crate::server::{self, KEY};
use crate::sign::{fill_in_times, now, sign};

/// The requests that are sent with each token.
const URIS: [&str; 2] =
    ["/v1/realtime/publish?channel=room:1&topic=any", "/v1/realtime/signal?channel=room:1&name=approve"];

/// Reads how to sign, a header and claims.
pub(crate) fn check(input: &[u8]) {
    let Some([method, header, claims]) = lines(input) else { return };
    let claims = fill_in_times(claims);
    let token = match method {
        "signed" => sign(KEY, header, &claims),
        "other key" => sign("another key, which the server does not know", header, &claims),
        "as it is" => header.to_owned(),
        _ => return,
    };
    for uri in URIS {
        let request = Request::post(uri).header("authorization", format!("Bearer {token}"));
        // The payload is invalid for the signal, which the server checks after the token.
        let Ok(request) = request.body(Body::from("{}")) else { return };
        let status = server::start().answer(request).status.as_u16();
        assert!(matches!(status, 200 | 401 | 403 | 422 | 429), "status {status}");
        if matches!(status, 200 | 422) {
            assert_eq!(method, "signed", "a token that this server did not sign is accepted");
            let reason = refusal(&claims, uri == URIS[0]);
            assert_eq!(reason, None, "accepted for {uri}: {claims}");
        }
    }
}

/// Returns why the claims do not grant a request. Does not share code with the server.
fn refusal(claims: &str, publishes: bool) -> Option<&'static str> {
    let Ok(claims) = serde_json::from_str::<Value>(claims) else { return Some("not JSON") };
    let (list, name) = if publishes { ("topics", "any") } else { ("signals", "approve") };
    let names = |claim: &Value| claim["channel"] == "room:1" && claim["name"] == name;
    let is_named = claims[list].as_array().is_some_and(|claims| claims.iter().any(names));
    // The token was valid when the request was sent, which took a moment.
    let is_current =
        |exp: f64| Duration::try_from_secs_f64(exp + 1.0).is_ok_and(|exp| exp.as_secs() >= now());
    let conditions = [
        (claims["exp"].as_f64().is_some_and(is_current), "expired"),
        (claims["iss"] == "rt.inngest.com", "another issuer"),
        (claims["jti"].as_str().is_some_and(|id| !id.is_empty()), "no id to revoke it by"),
        (is_named, "not named"),
        (!publishes || claims["publish"] == true, "not for publishing"),
    ];
    conditions.iter().find(|(holds, _)| !holds).map(|(_, reason)| *reason)
}
