//! The metaschemas of all drafts, so that a `$ref` to one of them needs no network.

use super::Dialect;

/// The schema of schemas, or the part of it for one vocabulary.
pub(super) struct Metaschema {
    pub(super) dialect: Dialect,
    pub(super) uri: &'static str,
    pub(super) text: &'static str,
}

macro_rules! metaschemas {
    ($($dialect:ident $scheme:literal $path:literal,)*) => {
        /// All metaschemas, as published at their URIs.
        pub(super) const METASCHEMAS: &[Metaschema] = &[$(Metaschema {
            dialect: Dialect::$dialect,
            uri: concat!($scheme, "://json-schema.org/", $path),
            text: include_str!(concat!("metaschemas/", $path, ".json")),
        }),*];
    };
}

metaschemas! {
    Draft4 "http" "draft-04/schema",
    Draft6 "http" "draft-06/schema",
    Draft7 "http" "draft-07/schema",
    Draft2019 "https" "draft/2019-09/schema",
    Draft2019 "https" "draft/2019-09/meta/core",
    Draft2019 "https" "draft/2019-09/meta/applicator",
    Draft2019 "https" "draft/2019-09/meta/validation",
    Draft2019 "https" "draft/2019-09/meta/meta-data",
    Draft2019 "https" "draft/2019-09/meta/format",
    Draft2019 "https" "draft/2019-09/meta/content",
    Draft2020 "https" "draft/2020-12/schema",
    Draft2020 "https" "draft/2020-12/meta/core",
    Draft2020 "https" "draft/2020-12/meta/applicator",
    Draft2020 "https" "draft/2020-12/meta/unevaluated",
    Draft2020 "https" "draft/2020-12/meta/validation",
    Draft2020 "https" "draft/2020-12/meta/meta-data",
    Draft2020 "https" "draft/2020-12/meta/format-annotation",
    Draft2020 "https" "draft/2020-12/meta/format-assertion",
    Draft2020 "https" "draft/2020-12/meta/content",
}

/// The metaschemas of the draft to which a URI without a fragment belongs; none if it is not the URI of a metaschema.
pub(super) fn of_same_draft(uri: &str) -> impl Iterator<Item = &'static Metaschema> {
    let dialect = METASCHEMAS.iter().find(|metaschema| metaschema.uri == uri).map(|found| found.dialect);
    METASCHEMAS.iter().filter(move |metaschema| Some(metaschema.dialect) == dialect)
}
