//! What a definition cannot express, with the reasons.

use super::import_schemas::Schemas;
use super::spelling;
use crate::diagnostics::Location;

/// Members of the objects of a document that a definition cannot express, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("servers", "the server that embeds the hub decides where clients connect"),
    ("serverVariables", "the server that embeds the hub decides where clients connect"),
    ("security", "tokens grant access to channels"),
    ("securitySchemes", "tokens grant access to channels"),
    ("bindings", "Fanfare has its own protocol"),
    ("headers", "messages have no headers; add properties to the payload"),
    ("correlationId", "messages have ids, and a signal names its run"),
    ("examples", "definitions have no example messages"),
    ("tags", "definitions have no tags"),
    ("externalDocs", "definitions have no links"),
    ("location", "a param is part of the channel's name only"),
    ("operationTraits", "nothing that they contain becomes part of a definition"),
    ("correlationIds", "messages have ids, and a signal names its run"),
    ("serverBindings", "Fanfare has its own protocol"),
    ("channelBindings", "Fanfare has its own protocol"),
    ("operationBindings", "Fanfare has its own protocol"),
    ("messageBindings", "Fanfare has its own protocol"),
    ("replyAddresses", "Fanfare records a receipt for each signal, and has no other replies"),
    ("id", "definitions have no id"),
    ("traits", "definitions describe messages, not operations"),
    ("address", "replies are messages of their channel"),
];

impl Schemas {
    /// Records the members of an object that are not in a list.
    pub(super) fn leave_out_members(&mut self, location: &Location, known: &[&str]) {
        for key in self.documents.keys(location) {
            let is_own = key.starts_with(spelling::PREFIX) || (self.is_exported && key == "bindings");
            if is_own || key == "$ref" || known.contains(&key.as_str()) {
                continue;
            }
            let reason = LEFT_OUT.iter().find(|(name, _)| *name == key).map(|(_, reason)| *reason);
            let reason = reason.unwrap_or(if key.starts_with("x-") {
                "an extension of another tool"
            } else {
                "definitions have nothing like it"
            });
            self.leave_out(&location.join(key), reason);
        }
    }
}
