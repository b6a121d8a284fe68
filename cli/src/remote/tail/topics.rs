//! The topics of a channel, which the server knows.

use fanfare::client::{ClientError, TokenRequest};
use serde_json::Value;

use crate::remote::access::Access;
use crate::remote::failure::Failure;

/// Returns the names of all topics of a channel.
pub(super) async fn find(access: &Access, channel: &str) -> Result<Vec<String>, Failure> {
    let definitions = access.client.get("admin/definitions", TokenRequest::admin()).await;
    let definitions = definitions.map_err(|error| match error {
        ClientError::Refused { status: Some(404), .. } => access.explain_admin(error).help(
            "name the topics with `--topic`, or enable the routes with `HubBuilder::admin_routes(true)`",
        ),
        error => access.explain(error),
    })?;
    let definitions = definitions["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_channel = |definition: &&Value| matches(address(definition), channel);
    // If several match, the server uses the first one, too.
    match definitions.iter().find(has_channel) {
        Some(definition) => {
            let topics = definition["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
            Ok(topics.iter().filter_map(|topic| topic["name"].as_str()).map(str::to_owned).collect())
        }
        None => {
            let known: Vec<&str> = definitions.iter().map(address).collect();
            Err(Failure::refused(format!("the server defines no channel `{channel}`"), None)
                .help(format!("its channels are {}", known.join(", "))))
        }
    }
}

fn address(definition: &Value) -> &str {
    definition["address"].as_str().unwrap_or_default()
}

/// Returns `true` if a channel can have an address such as `pipeline:{runId}`. The server checks the params.
fn matches(address: &str, channel: &str) -> bool {
    let Some((literal, rest)) = address.split_once('{') else { return address == channel };
    let Some(channel) = channel.strip_prefix(literal) else { return false };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let is_of_param = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(byte);
    let longest = channel.bytes().take_while(|byte| is_of_param(byte)).count();
    (1..=longest).any(|length| matches(after, &channel[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_matches_an_address_if_every_param_has_a_value() {
        for (address, channel, expected) in [
            ("system", "system", true),
            ("system", "systems", false),
            ("pipeline:{runId}", "pipeline:run_1", true),
            ("pipeline:{runId}", "pipeline:", false),
            ("{user}/inbox", "ada/inbox", true),
            ("{user}/inbox", "/inbox", false),
            ("a:{x}:{y}", "a:1:%C3%A9", true),
            ("a:{x}:{y}", "a:1:é", false),
            ("a:{x}:{y}", "a:1", false),
            ("a:{x}:end", "a:1:end", true),
            ("a:{x}:end", "a:1:2:end", false),
        ] {
            assert_eq!(matches(address, channel), expected, "{address} {channel}");
        }
    }
}
