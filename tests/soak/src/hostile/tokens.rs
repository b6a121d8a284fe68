//! Uses tokens with one alteration.

use super::raw::{Raw, text};
use crate::Result;
use crate::http;
use crate::publisher;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value, json};

const CHANNEL: &str = "wide:hostile";

/// Every endpoint refuses every altered token and accepts the original.
pub(super) async fn send_altered(port: u16) -> Result<String> {
    let token = publisher::mint_token(port, &[(CHANNEL.into(), "left")]).await?;
    Raw::connect(port, Some(&token)).await?;
    let altered = alterations(&token)?;
    for (what, token) in &altered {
        let refused = |method: &str| format!("a token with {what} was not refused by {method}");
        let protocols = format!("Sec-WebSocket-Protocol: fanfare.v1, bearer.{token}\r\n");
        if Raw::open(port, "", &protocols).await?.head.status != 401 {
            return Err(refused("connect").into());
        }
        if Raw::open(port, &format!("?token={token}"), "").await?.head.status != 401 {
            return Err(refused("connect with Inngest's protocol").into());
        }
        let sse = http::request(port, &format!("GET /v1/realtime/sse?token={token}"), "", "").await?;
        if sse.head.status != 401 {
            return Err(refused("sse").into());
        }
        let publish = format!("POST /v1/realtime/publish?channel={CHANNEL}&topic=left");
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let published = http::request(port, &publish, &bearer, r#"{"number":0,"text":""}"#).await?;
        if published.head.status != 401 {
            return Err(refused("publish").into());
        }
        let mut socket = Raw::connect(port, None).await?;
        socket.send(&text(&json!({ "kind": "sub", "ref": "1", "data": token }).to_string())).await?;
        socket
            .expect(r#""code":"unauthorized""#)
            .await
            .map_err(|error| format!("{}: {error}", refused("sub")))?;
    }
    Ok(format!("{} altered tokens, each refused by 5 endpoints", altered.len()))
}

/// Returns copies of a token with one header field, claim or part of the signature altered.
fn alterations(token: &str) -> Result<Vec<(String, String)>> {
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        return Err("the token does not have three parts".into());
    };
    let mut altered = Vec::new();
    let mut add = |what: String, parts: [&str; 3]| altered.push((what, parts.join(".")));
    for (what, header) in altered_fields("the header's", &decode(header)?) {
        add(what, [&encode(&header), claims, signature]);
    }
    for algorithm in ["none", "None", "HS384", "HS512", "RS256"] {
        let header = encode(&json!({ "typ": "JWT", "alg": algorithm }));
        add(format!("alg {algorithm}"), [&header, claims, signature]);
        add(format!("alg {algorithm} and no signature"), [&header, claims, ""]);
    }
    for (what, claims) in altered_fields("the claim", &decode(claims)?) {
        add(what, [header, &encode(&claims), signature]);
    }
    let bytes = BASE64.decode(signature)?;
    for index in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[index] ^= 1;
        add(format!("byte {index} of the signature altered"), [header, claims, &BASE64.encode(bytes)]);
    }
    add("half a signature".into(), [header, claims, &signature[..signature.len() / 2]]);
    add("no signature".into(), [header, claims, ""]);
    add("no claims".into(), [header, "", signature]);
    Ok(altered)
}

/// Returns copies of an object with one field altered at any depth, removed or added.
fn altered_fields(whose: &str, object: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut altered = Vec::new();
    for (name, value) in object {
        let mut without = object.clone();
        without.shift_remove(name);
        altered.push((format!("{whose} {name} removed"), without.into()));
        for value in altered_values(value) {
            let mut with = object.clone();
            with.insert(name.clone(), value);
            altered.push((format!("{whose} {name} altered"), with.into()));
        }
    }
    let mut with = object.clone();
    with.insert("nbf".into(), 0.into());
    altered.push((format!("{whose} nbf added"), with.into()));
    altered
}

fn altered_values(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => vec![json!(format!("{text}x")), json!("")],
        Value::Number(number) => vec![json!(number.as_u64().unwrap_or(0) + 1_000), json!(-1)],
        Value::Bool(given) => vec![json!(!given)],
        Value::Array(items) => {
            let of_items = items.iter().flat_map(altered_values).map(|item| json!([item]));
            of_items.chain([json!([])]).collect()
        }
        Value::Object(fields) => altered_fields("", fields).into_iter().map(|(_, value)| value).collect(),
        Value::Null => vec![json!(0)],
    }
}

fn decode(part: &str) -> Result<Map<String, Value>> {
    Ok(serde_json::from_slice(&BASE64.decode(part)?)?)
}

fn encode(part: &Value) -> String {
    BASE64.encode(part.to_string())
}
