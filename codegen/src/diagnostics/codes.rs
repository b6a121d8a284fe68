//! The kinds of diagnostics, with their codes and explanations.

/// Declares the kinds of diagnostics, each with its stable code and a description for tables. `explanations/` has a file for
/// each code.
macro_rules! codes {
    ($($name:ident $code:literal $finds:literal,)*) => {
        /// The kinds of diagnostics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $(#[doc = $finds] $name,)*
        }

        impl Code {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// A description, for tables.
            pub(crate) fn finds(self) -> &'static str {
                match self {
                    $(Self::$name => $finds,)*
                }
            }

            /// The explanation in Markdown, with an example and its correction.
            pub(crate) fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("explanations/", $code, ".md")),)*
                }
            }
        }
    };
}

codes! {
    Syntax "E0001" "a file that is not valid YAML or JSON",
    DuplicateKey "E0002" "a duplicate key in a mapping",
    Shape "E0003" "a value of the wrong kind",
    UnknownKey "E0004" "an unknown key in the definition format",
    UnknownKeyword "E0005" "a misspelt JSON Schema keyword",
    UnsupportedKeyword "E0006" "a keyword that the draft does not have, where it would have no effect",
    CannotBeOpen "E0007" "`x-open` on a schema that cannot be open",
    Reference "E0008" "a `$ref` to nothing, to a file outside the definition folder, or to the network",
    EndlessReference "E0009" "a schema that applies itself to the same value, so that validation would not terminate",
    Pattern "E0010" "a pattern that is not an ECMA-262 regular expression with the `u` flag, or cannot be matched in linear time",
    Format "E0011" "a misspelt format",
    Limit "E0012" "a meaningless limit, such as `multipleOf: 0`",
    Unsatisfiable "E0013" "a schema that no value satisfies",
    IntegerRange "E0014" "an integer outside ±(2^53−1), which JavaScript cannot represent exactly",
    NameCollision "E0015" "a name collision in generated code",
    ReservedName "E0016" "a name that is reserved for generated code",
    BadName "E0017" "an invalid name of a file, type, channel, param, topic or signal",
    Address "E0018" "an invalid address or param",
    AddressOverlap "E0019" "two addresses that can produce the same channel name",
    Alternatives "E0021" "an open union whose alternatives are not tagged",
    NoDefinitions "E0022" "a folder without definitions",
    File "E0023" "a file that cannot be read",
    Dialect "E0024" "an unknown draft in `$schema`",
    AsyncApi "E0025" "a document that `fanfare import asyncapi` cannot read: not AsyncAPI 2 or 3, or without channels",
    StaleFile "E0026" "a generated file that differs from the definitions, found by `fanfare generate --check`",
    MissingFile "E0027" "a generated file that is missing, found by `fanfare generate --check`",
    UnexpectedFile "E0028" "a generated file that no definition produces any more, found by `fanfare generate --check`",
    UncheckedFormat "W0001" "a format that is not checked, in Rust or in TypeScript",
    Ignored "W0002" "an unknown keyword, which is an annotation",
    BindsNothing "W0003" "a keyword that has no effect for the schema's `type`",
    LostType "W0004" "a part of a schema that becomes any JSON value, or a wider type than the schema describes; values are still checked",
    UnlimitedPattern "W0005" "a pattern without `maxLength` on client input",
    WideInteger "W0006" "an integer format or limit beyond ±(2^53−1), outside which integers are rejected",
    NeverMatches "W0007" "an alternative or a property that no value matches",
    UndeclaredRequired "W0008" "a name in `required` that is probably a misspelt property",
    Overlap "W0009" "alternatives of a `oneOf` that match the same values, which are rejected",
    OtherSyntax "W0010" "a pattern with a POSIX character class, such as `[[:alpha:]]`, which has another meaning in ECMA-262",
    Closed "W0011" "an enum or a tagged union in a topic or a result that does not say whether values may be added",
}

impl Code {
    /// Returns `true` if only `fanfare lint` reports it; warnings do not prevent output.
    pub(crate) fn is_warning(self) -> bool {
        self.as_str().starts_with('W')
    }

    /// The address of the documentation.
    pub(crate) fn help(self) -> String {
        let page = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/diagnostics.md");
        format!("{page}#{}", self.as_str().to_lowercase())
    }
}
