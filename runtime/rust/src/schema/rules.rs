//! JSON Schema as tables, keyword by keyword: what the plain schemas cannot say exactly.

use super::{Kinds, Literals, Number, Pattern, Text};

/// A JSON Schema (draft 2020-12) in its own words: kinds of value, keywords for
/// each kind, and applicators. What is left out accepts everything.
///
/// The tables may be recursive through their `static`s, as long as every circle
/// leads into an item or a property: rules that apply themselves to the same
/// value have no end.
///
/// ```
/// use fanfare::schema::{check, Items, Kinds, Members, Number, Rules, Schema};
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
    /// The kinds of value that are allowed at all. Where they refuse a value,
    /// nothing else is said about it.
    pub kinds: Kinds,
    /// The values that are allowed: `enum` and `const`.
    pub values: Option<&'static Literals>,
    /// What numbers must be; binds no other values.
    pub number: Option<&'static Number>,
    /// What strings must be; binds no other values.
    pub text: Option<&'static Text>,
    /// What arrays must be; binds no other values.
    pub array: Option<&'static Items>,
    /// What objects must be; binds no other values.
    pub object: Option<&'static Members>,
    /// Rules that must all accept the value: `allOf`, and what `$ref` names.
    pub all_of: &'static [&'static Rules],
    /// Rules of which at least one must accept the value; empty for no `anyOf`.
    pub any_of: &'static [&'static Rules],
    /// Rules of which exactly one must accept the value; empty for no `oneOf`.
    pub one_of: &'static [&'static Rules],
    /// Rules that must not accept the value.
    pub not: Option<&'static Rules>,
    /// Rules that depend on others: `if`, `then` and `else`.
    pub condition: Option<&'static Condition>,
    /// What items must be that no other rule of this value looked at.
    pub unevaluated_items: Option<&'static Rules>,
    /// What properties must be that no other rule of this value looked at.
    pub unevaluated_properties: Option<&'static Rules>,
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
    };

    /// Accepts no value: the schema `false`.
    pub const NEVER: Self = Self { kinds: Kinds::NONE, ..Self::ANY };

    pub(super) fn is_never(&self) -> bool {
        self.kinds == Kinds::NONE
    }

    /// Whether several parts of the rules may look at the same item or property.
    pub(super) fn look_repeatedly(&self) -> bool {
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

    /// Whether some string could be accepted, as far as kinds tell.
    pub(crate) fn may_be_string(&self) -> bool {
        let some_may = |alternatives: &[&Rules]| {
            alternatives.is_empty() || alternatives.iter().any(|rules| rules.may_be_string())
        };
        self.kinds.contain(Kinds::STRING)
            && self.all_of.iter().all(|rules| rules.may_be_string())
            && some_may(self.any_of)
            && some_may(self.one_of)
    }
}

/// What arrays must be.
#[derive(Clone, Copy)]
pub struct Items {
    /// What the first items must be, one by one: `prefixItems`. They may be missing.
    pub prefix: &'static [&'static Rules],
    /// What the items after those must be: `items`.
    pub rest: Option<&'static Rules>,
    /// What some items must be.
    pub contains: Option<Contains>,
    /// The fewest items allowed.
    pub min_items: u32,
    /// The most items allowed; `u32::MAX` for no limit.
    pub max_items: u32,
    /// Whether no item may come twice: `uniqueItems`.
    pub unique: bool,
}

impl Items {
    /// Every array.
    pub const ANY: Self =
        Self { prefix: &[], rest: None, contains: None, min_items: 0, max_items: u32::MAX, unique: false };
}

/// How many items must match: `contains`, `minContains` and `maxContains`.
#[derive(Clone, Copy)]
pub struct Contains {
    /// What an item must be to count.
    pub rules: &'static Rules,
    /// The fewest such items allowed.
    pub min: u32,
    /// The most such items allowed; `u32::MAX` for no limit.
    pub max: u32,
}

/// What objects must be. Names are compared as they stand; `__proto__` is one like any other.
#[derive(Clone, Copy)]
pub struct Members {
    /// What the properties of these names must be.
    pub properties: &'static [(&'static str, &'static Rules)],
    /// What properties must be whose names match: `patternProperties`.
    pub patterns: &'static [(&'static Pattern, &'static Rules)],
    /// What all other properties must be: `additionalProperties`.
    pub others: Option<&'static Rules>,
    /// What the names must be: `propertyNames`.
    pub names: Option<&'static Rules>,
    /// The properties that must be there.
    pub required: &'static [&'static str],
    /// Properties that others must stand beside.
    pub dependent_required: &'static [(&'static str, &'static [&'static str])],
    /// What an object must be that has a property of this name.
    pub dependent_schemas: &'static [(&'static str, &'static Rules)],
    /// The fewest properties allowed.
    pub min_properties: u32,
    /// The most properties allowed; `u32::MAX` for no limit.
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

/// Rules that depend on whether others accept the value.
#[derive(Clone, Copy)]
pub struct Condition {
    /// What decides; its own issues are not reported.
    pub test: &'static Rules,
    /// What the value must be where the test accepts it.
    pub then: &'static Rules,
    /// What the value must be where the test does not.
    pub otherwise: &'static Rules,
}
