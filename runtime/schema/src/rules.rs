//! JSON Schema as tables, keyword by keyword, for schemas that the other variants cannot describe exactly.

use super::{Deferred, Kinds, Literals, Number, Pattern, Text};

/// A JSON Schema (draft 2020-12): kinds of value, keywords for each kind, and applicators. A keyword that is not set
/// accepts everything.
///
/// The tables may be recursive through their `static`s, as long as every cycle leads into an item or a property. Rules
/// that apply themselves to the same value would not terminate.
///
/// ```
/// use fanfare_schema::{check, Items, Kinds, Members, Number, Rules, Schema};
///
/// /// Either a leaf with a weight, or a branch that has at least one child.
/// static TREE: Rules = Rules {
///     kinds: Kinds::OBJECT,
///     object: Some(&Members {
///         properties: &[("children", &CHILDREN), ("weight", &WEIGHT)],
///         ..Members::ANY
///     }),
///     one_of: &[
///         &Rules { object: Some(&Members { required: &["children"], ..Members::ANY }), ..Rules::ANY },
///         &Rules { object: Some(&Members { required: &["weight"], ..Members::ANY }), ..Rules::ANY },
///     ],
///     unevaluated_properties: Some(&Rules::NEVER),
///     ..Rules::ANY
/// };
/// static CHILDREN: Rules = Rules {
///     kinds: Kinds::ARRAY,
///     array: Some(&Items { rest: Some(&TREE), min_items: 1, ..Items::ANY }),
///     ..Rules::ANY
/// };
/// static WEIGHT: Rules = Rules {
///     kinds: Kinds::NUMBER,
///     number: Some(&Number { minimum: Some(0.0), ..Number::ANY }),
///     ..Rules::ANY
/// };
///
/// let tree = Schema::Rules(&TREE);
/// assert!(check(&tree, &serde_json::json!({ "children": [{ "weight": 2 }] })).is_ok());
/// let issues = check(&tree, &serde_json::json!({ "weight": 1, "wait": 1 })).unwrap_err();
/// assert_eq!(issues[0].to_string(), "/wait is not allowed, got 1");
/// ```
#[derive(Clone, Copy)]
pub struct Rules {
    /// The kinds of value that are allowed. A value of another kind has no other issues.
    pub kinds: Kinds,
    /// The values that are allowed: `enum` and `const`.
    pub values: Option<&'static Literals>,
    /// The limits of numbers. Ignored for other values.
    pub number: Option<&'static Number>,
    /// The limits of strings. Ignored for other values.
    pub text: Option<&'static Text>,
    /// The limits of arrays. Ignored for other values.
    pub array: Option<&'static Items>,
    /// The limits of objects. Ignored for other values.
    pub object: Option<&'static Members>,
    /// Rules that must all accept the value: `allOf`, and the target of `$ref`.
    pub all_of: &'static [&'static Rules],
    /// Rules of which at least one must accept the value: `anyOf`. Empty if there is none.
    pub any_of: &'static [&'static Rules],
    /// Rules of which exactly one must accept the value: `oneOf`. Empty if there is none.
    pub one_of: &'static [&'static Rules],
    /// Rules that must not accept the value.
    pub not: Option<&'static Rules>,
    /// Rules that depend on other rules: `if`, `then` and `else`.
    pub condition: Option<&'static Condition>,
    /// The rules of items that no other rule of this value evaluates.
    pub unevaluated_items: Option<&'static Rules>,
    /// The rules of properties that no other rule of this value evaluates.
    pub unevaluated_properties: Option<&'static Rules>,
    /// Rules that are built later. They replace these rules in the [`all_of`](Self::all_of) of others, and are ignored
    /// anywhere else. Generated code never needs it.
    pub deferred: Option<&'static Deferred<Rules>>,
}

impl Rules {
    /// Accepts every value.
    pub const ANY: Self = Self {
        kinds: Kinds::ANY,
        values: None,
        number: None,
        text: None,
        array: None,
        object: None,
        all_of: &[],
        any_of: &[],
        one_of: &[],
        not: None,
        condition: None,
        unevaluated_items: None,
        unevaluated_properties: None,
        deferred: None,
    };

    /// Accepts no value: the schema `false`.
    pub const NEVER: Self = Self { kinds: Kinds::NONE, ..Self::ANY };

    pub(super) fn is_never(&self) -> bool {
        self.kinds == Kinds::NONE
    }

    /// Returns whether several parts of the rules may visit the same item or property.
    pub(super) fn visit_repeatedly(&self) -> bool {
        let parts = usize::from(self.array.is_some() || self.object.is_some())
            + self.all_of.len()
            + self.any_of.len()
            + self.one_of.len()
            + usize::from(self.not.is_some())
            + 2 * usize::from(self.condition.is_some())
            + [self.unevaluated_items, self.unevaluated_properties]
                .into_iter()
                .flatten()
                .filter(|rules| !rules.is_never())
                .count();
        parts > 1
            || self.array.is_some_and(|items| items.contains.is_some())
            || self
                .object
                .is_some_and(|members| !(members.patterns.is_empty() && members.dependent_schemas.is_empty()))
    }

    /// Returns whether the rules may accept some string, judging by kinds alone.
    #[doc(hidden)]
    #[must_use]
    pub fn may_be_string(&self) -> bool {
        let some_may = |alternatives: &[&Rules]| {
            alternatives.is_empty() || alternatives.iter().any(|rules| rules.may_be_string())
        };
        self.kinds.contains(Kinds::STRING)
            && self.all_of().all(Self::may_be_string)
            && some_may(self.any_of)
            && some_may(self.one_of)
    }
}

/// The limits of arrays.
#[derive(Clone, Copy)]
pub struct Items {
    /// The rules of the first items, one by one: `prefixItems`. These items may be missing.
    pub prefix: &'static [&'static Rules],
    /// The rules of the items after those: `items`.
    pub rest: Option<&'static Rules>,
    /// The rules that some items must match.
    pub contains: Option<Contains>,
    /// The minimum number of items.
    pub min_items: u32,
    /// The maximum number of items; `u32::MAX` for no limit.
    pub max_items: u32,
    /// Whether items must be unique: `uniqueItems`.
    pub unique: bool,
}

impl Items {
    /// Every array.
    pub const ANY: Self =
        Self { prefix: &[], rest: None, contains: None, min_items: 0, max_items: u32::MAX, unique: false };
}

/// The number of items that must match: `contains`, `minContains` and `maxContains`.
#[derive(Clone, Copy)]
pub struct Contains {
    /// The rules that an item must match to count.
    pub rules: &'static Rules,
    /// The minimum number of such items.
    pub min: u32,
    /// The maximum number of such items; `u32::MAX` for no limit.
    pub max: u32,
}

/// The limits of objects. Names are compared exactly; `__proto__` has no special meaning.
#[derive(Clone, Copy)]
pub struct Members {
    /// The rules of the properties with these names.
    pub properties: &'static [(&'static str, &'static Rules)],
    /// The rules of the properties whose names match a pattern: `patternProperties`.
    pub patterns: &'static [(&'static Pattern, &'static Rules)],
    /// The rules of all other properties: `additionalProperties`.
    pub others: Option<&'static Rules>,
    /// The rules of the names: `propertyNames`.
    pub names: Option<&'static Rules>,
    /// The required properties.
    pub required: &'static [&'static str],
    /// The properties that are required if another one is present.
    pub dependent_required: &'static [(&'static str, &'static [&'static str])],
    /// The rules of an object that has a property with this name.
    pub dependent_schemas: &'static [(&'static str, &'static Rules)],
    /// The minimum number of properties.
    pub min_properties: u32,
    /// The maximum number of properties; `u32::MAX` for no limit.
    pub max_properties: u32,
}

impl Members {
    /// Every object.
    pub const ANY: Self = Self {
        properties: &[],
        patterns: &[],
        others: None,
        names: None,
        required: &[],
        dependent_required: &[],
        dependent_schemas: &[],
        min_properties: 0,
        max_properties: u32::MAX,
    };
}

/// Rules that depend on whether other rules accept the value.
#[derive(Clone, Copy)]
pub struct Condition {
    /// The test. Its own issues are not reported.
    pub test: &'static Rules,
    /// The rules of the value if the test accepts it.
    pub then: &'static Rules,
    /// The rules of the value if the test rejects it.
    pub otherwise: &'static Rules,
}
