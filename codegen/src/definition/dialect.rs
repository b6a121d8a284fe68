//! The drafts of JSON Schema and their keywords.

use super::schema::Keyword;

/// A draft of JSON Schema, from the oldest to the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    Draft4,
    Draft6,
    Draft7,
    Draft2019,
    #[default]
    Draft2020,
}

impl Dialect {
    pub(crate) const ALL: [Self; 5] =
        [Self::Draft4, Self::Draft6, Self::Draft7, Self::Draft2019, Self::Draft2020];

    /// The draft that a `$schema` names.
    pub(crate) fn of_uri(uri: &str) -> Option<Self> {
        let name = uri.split_once("//json-schema.org/")?.1.trim_end_matches('#');
        Self::ALL.into_iter().find(|dialect| name == dialect.path())
    }

    fn path(self) -> &'static str {
        match self {
            Self::Draft4 => "draft-04/schema",
            Self::Draft6 => "draft-06/schema",
            Self::Draft7 => "draft-07/schema",
            Self::Draft2019 => "draft/2019-09/schema",
            Self::Draft2020 => "draft/2020-12/schema",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Draft4 => "draft-04",
            Self::Draft6 => "draft-06",
            Self::Draft7 => "draft-07",
            Self::Draft2019 => "draft 2019-09",
            Self::Draft2020 => "draft 2020-12",
        }
    }

    /// Returns `true` up to draft-07, where keywords next to a `$ref` are ignored.
    pub(crate) fn reference_stands_alone(self) -> bool {
        self <= Self::Draft7
    }

    /// The keyword for a schema's URI.
    pub(crate) fn id_keyword(self) -> &'static str {
        if self == Self::Draft4 { "id" } else { "$id" }
    }

    /// What to write instead of a keyword that this draft does not have; `None` if it has the keyword.
    pub(crate) fn refuses(self, keyword: &Keyword) -> Option<&'static str> {
        let (first, last, instead) = keyword.drafts?;
        (!(first..=last).contains(&self)).then_some(instead)
    }
}
