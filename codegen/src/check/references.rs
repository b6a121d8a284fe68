//! What a `$ref` names.

use super::types::Types;
use crate::definition::Resolved;
use crate::diagnostics::{Code, Diagnostic, Place, closest};
use crate::model::{Type, TypeId};

impl Types<'_> {
    /// Looks up what a `$ref` names.
    pub(super) fn reference(&mut self, reference: &str, place: &Place) -> Type {
        match self.target(reference, place) {
            Ok(id) => id.map_or(Type::Any, Type::Named),
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                Type::Any
            }
        }
    }

    /// The type that a `$ref` names; none where its file has errors of its own.
    fn target(&self, reference: &str, place: &Place) -> Result<Option<TypeId>, Box<Diagnostic>> {
        let error = |message: String| Diagnostic::at(Code::Reference, place, message);
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if file.contains("://") {
            return Err(Box::new(
                error("a `$ref` never goes to the network".to_owned())
                    .help("copy the schema into a file beside this one"),
            ));
        }
        let source = if file.is_empty() {
            place.source
        } else {
            let from = &self.sources.get(place.source).path;
            match self.definitions.resolve(from, file) {
                Resolved::Definition(definition) => definition.source,
                Resolved::Unreadable => return Ok(None),
                Resolved::Missing => {
                    let diagnostic = error(format!("there is no definition file `{file}`"));
                    return Err(Box::new(
                        diagnostic.help("the path is relative to the file that the `$ref` stands in"),
                    ));
                }
            }
        };
        let key = fragment.strip_prefix("/$defs/").filter(|key| !key.contains('/')).ok_or_else(|| {
            error(format!("`{reference}` does not name a type"))
                .help("write `#/$defs/Name`, or `other.yaml#/$defs/Name` for a type of another file")
        })?;
        let key = unescaped(key);
        self.by_definition.get(&(source, key.clone())).copied().map(Some).ok_or_else(|| {
            let known =
                self.by_definition.keys().filter(|(of, _)| *of == source).map(|(_, key)| key.as_str());
            let diagnostic = error(format!("there is no type `{key}` in `$defs`"));
            Box::new(match closest(&key, known) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("declare it under `$defs`"),
            })
        })
    }
}

/// Undoes the escapes of a JSON pointer inside a URI.
fn unescaped(key: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = key.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}
