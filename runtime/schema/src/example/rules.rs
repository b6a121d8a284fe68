//! Examples of values that several rules accept together.

use serde_json::{Map, Value, json};

use super::super::{Items, Kinds, Members, Rules, Schema, check};
use super::scalars::{numbers, texts};
use super::search::{MAX_CANDIDATES, Search, add, combinations, is_small};

/// The maximum number of combinations of alternatives to try.
const MAX_CHOICES: usize = 24;

/// The maximum number of items or properties of an example.
const MAX_PARTS: usize = 64;

/// Returns values that all rules accept, the preferred one first.
pub(super) fn rule_candidates(rules: &[&'static Rules], search: &mut Search) -> Vec<Value> {
    let entered = rules.iter().take_while(|rules| search.enter(std::ptr::from_ref(**rules).cast())).count();
    let mut found = Vec::new();
    if entered == rules.len() {
        let accepts = |value: &Value| rules.iter().all(|rules| check::accepts(&Schema::Rules(rules), value));
        let mut left = MAX_CHOICES;
        choose(Choice::default().with(rules.iter().copied()), &mut left, &mut |applied| {
            add(&mut found, list_candidates(applied, search).into_iter().filter(accepts));
            found.len() < MAX_CANDIDATES
        });
    }
    (0..entered).for_each(|_| search.leave());
    found
}

/// The rules that apply to a value if certain alternatives are chosen.
#[derive(Clone, Default)]
struct Choice {
    applied: Vec<&'static Rules>,
    /// Lists of alternatives, of which one each is to be chosen.
    open: Vec<Vec<Vec<&'static Rules>>>,
}

impl Choice {
    fn with(mut self, rules: impl IntoIterator<Item = &'static Rules>) -> Self {
        for rules in rules {
            if self.applied.iter().any(|applied| std::ptr::eq(*applied, rules)) {
                continue;
            }
            self.applied.push(rules);
            let alternatives = [rules.any_of, rules.one_of].into_iter().filter(|list| !list.is_empty());
            self.open.extend(alternatives.map(|list| list.iter().map(|rules| vec![*rules]).collect()));
            if let Some(condition) = rules.condition {
                self.open.push(vec![vec![condition.test, condition.then], vec![condition.otherwise]]);
            }
            self = self.with(rules.all_of().collect::<Vec<_>>());
        }
        self
    }
}

/// Calls `found` with the rules of each combination of alternatives, until it returns `false`.
fn choose(mut choice: Choice, left: &mut usize, found: &mut dyn FnMut(&[&'static Rules]) -> bool) -> bool {
    if *left == 0 {
        return false;
    }
    match choice.open.pop() {
        None => {
            *left -= 1;
            found(&choice.applied)
        }
        Some(alternatives) => {
            alternatives.iter().all(|rules| choose(choice.clone().with(rules.iter().copied()), left, found))
        }
    }
}

/// Returns values that probably match these rules, whose alternatives are chosen.
fn list_candidates(rules: &[&'static Rules], search: &mut Search) -> Vec<Value> {
    if let Some(literals) = rules.iter().find_map(|rules| rules.values) {
        return literals.values().to_vec();
    }
    let allowed = |kind: Kinds| rules.iter().all(|rules| rules.kinds.contains(kind));
    let mut found = Vec::new();
    if allowed(Kinds::OBJECT) && rules.iter().any(|rules| rules.object.is_some()) {
        found.extend(objects(rules, search));
    }
    if allowed(Kinds::ARRAY) && rules.iter().any(|rules| rules.array.is_some()) {
        found.extend(arrays(rules, search));
    }
    if allowed(Kinds::STRING) {
        let limits: Vec<_> = rules.iter().filter_map(|rules| rules.text.copied()).collect();
        found.extend(texts(&limits, search));
    }
    if allowed(Kinds::INTEGER) {
        let limits: Vec<_> = rules.iter().filter_map(|rules| rules.number.copied()).collect();
        found.extend(numbers(&limits));
    }
    let simple = [
        (Kinds::BOOLEAN, json!(false)),
        (Kinds::BOOLEAN, json!(true)),
        (Kinds::OBJECT, json!({})),
        (Kinds::ARRAY, json!([])),
        (Kinds::NULL, json!(null)),
    ];
    found.extend(simple.into_iter().filter(|(kind, _)| allowed(*kind)).map(|(_, value)| value));
    found
}

fn arrays(rules: &[&'static Rules], search: &mut Search) -> Vec<Value> {
    let lists: Vec<&'static Items> = rules.iter().filter_map(|rules| rules.array).collect();
    let contained: usize =
        lists.iter().filter_map(|items| items.contains).map(|contains| contains.min as usize).sum();
    let least = lists.iter().map(|items| items.min_items as usize).max().unwrap_or(0);
    let is_unique = lists.iter().any(|items| items.unique);
    // Items that match `contains` may be those at the start, or after them.
    let lengths = [least.max(contained), least + contained, least + 1];
    let mut found = Vec::new();
    for (attempt, length) in lengths.into_iter().enumerate().filter(|(_, length)| *length <= MAX_PARTS) {
        let skipped = if attempt == 1 { least } else { 0 };
        let parts: Vec<Vec<Value>> = (0..length)
            .map(|index| rule_candidates(&item_rules(&lists, index, index.checked_sub(skipped)), search))
            .collect();
        let parts = if is_unique { make_different(parts) } else { parts };
        add(&mut found, combinations(&parts, Value::from).into_iter());
    }
    found
}

/// Returns the rules of an item. `at` is its index among the items that match `contains`.
fn item_rules(lists: &[&'static Items], index: usize, at: Option<usize>) -> Vec<&'static Rules> {
    let mut rules: Vec<_> =
        lists.iter().filter_map(|items| items.prefix.get(index).copied().or(items.rest)).collect();
    let mut first = 0;
    for contains in lists.iter().filter_map(|items| items.contains) {
        let range = first..first + contains.min as usize;
        rules.extend(at.filter(|at| range.contains(at)).map(|_| contains.rules));
        first = range.end;
    }
    if rules.is_empty() { vec![&Rules::ANY] } else { rules }
}

/// Moves a candidate that no earlier part uses to the front of each part.
fn make_different(mut parts: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    let mut used: Vec<Value> = Vec::new();
    for part in &mut parts {
        part.retain(|value| !used.contains(value));
        used.extend(part.first().cloned());
        part.truncate(1);
    }
    parts
}

fn objects(rules: &[&'static Rules], search: &mut Search) -> Vec<Value> {
    let lists: Vec<&'static Members> = rules.iter().filter_map(|rules| rules.object).collect();
    let mut names: Vec<String> = Vec::new();
    let mut rules = rules.to_vec();
    require(&lists.iter().flat_map(|members| members.required).copied().collect::<Vec<_>>(), &mut names);
    let mut dependents = Vec::new();
    // A property may require others, which may require others in turn.
    for _ in 0..MAX_PARTS {
        let before = names.len();
        for members in rules.iter().filter_map(|rules| rules.object) {
            for (trigger, required) in members.dependent_required {
                if names.iter().any(|name| name == trigger) {
                    require(required, &mut names);
                }
            }
            for (trigger, dependent) in members.dependent_schemas {
                if names.iter().any(|name| name == trigger) {
                    dependents.push(*dependent);
                }
            }
        }
        let choice = Choice::default().with(rules.iter().copied()).with(dependents.iter().copied());
        let required: Vec<&str> = choice
            .applied
            .iter()
            .filter_map(|rules| rules.object)
            .flat_map(|members| members.required.iter().copied())
            .collect();
        rules = choice.applied;
        require(&required, &mut names);
        if names.len() == before || names.len() > MAX_PARTS {
            break;
        }
    }
    let least = lists.iter().map(|members| members.min_properties).max().unwrap_or(0);
    if !is_small(least) || least as usize > MAX_PARTS {
        return Vec::new();
    }
    let mut found = with_names(&rules, &names, search).into_iter().collect::<Vec<_>>();
    let declared = lists.iter().flat_map(|members| members.properties.iter().map(|(name, _)| *name));
    let others: Vec<String> =
        declared.map(str::to_owned).chain(other_names(&lists, least as usize, search)).collect();
    let mut all = names.clone();
    for name in others {
        if names.contains(&name) || all.contains(&name) || all.len() >= MAX_PARTS {
            continue;
        }
        // A property without an example must be absent.
        let mut with_name = all.clone();
        with_name.push(name);
        let objects = with_names(&rules, &with_name, search);
        if !objects.is_empty() {
            all = with_name;
            if all.len() >= least as usize {
                add(&mut found, objects.into_iter().take(2));
            }
        }
        if found.len() >= MAX_CANDIDATES {
            break;
        }
    }
    found
}

fn require(required: &[&str], names: &mut Vec<String>) {
    for name in required {
        if !names.iter().any(|known| known == name) {
            names.push((*name).to_owned());
        }
    }
}

/// Returns names of properties that are not declared.
fn other_names(lists: &[&'static Members], least: usize, search: &mut Search) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let rules: Vec<&'static Rules> = lists.iter().filter_map(|members| members.names).collect();
    if !rules.is_empty() {
        let texts = rule_candidates(&rules, search).into_iter();
        names.extend(texts.filter_map(|text| text.as_str().map(str::to_owned)));
    }
    for (pattern, _) in lists.iter().flat_map(|members| members.patterns) {
        let limits = super::super::Text { pattern: Some(pattern), ..super::super::Text::ANY };
        let found = texts(&[limits], search).into_iter();
        names.extend(found.filter_map(|text| text.as_str().map(str::to_owned)));
    }
    names.extend((1..=least).map(|number| format!("property{number}")));
    names
}

/// Returns objects with these properties.
fn with_names(rules: &[&'static Rules], names: &[String], search: &mut Search) -> Vec<Value> {
    let mut parts = Vec::with_capacity(names.len());
    for name in names {
        let candidates = rule_candidates(&property_rules(rules, name), search);
        if candidates.is_empty() {
            return Vec::new();
        }
        parts.push(candidates);
    }
    let object = |values: Vec<Value>| -> Value {
        names.iter().cloned().zip(values).collect::<Map<String, Value>>().into()
    };
    combinations(&parts, object)
}

fn property_rules(rules: &[&'static Rules], name: &str) -> Vec<&'static Rules> {
    let mut found = Vec::new();
    for members in rules.iter().filter_map(|rules| rules.object) {
        let before = found.len();
        found.extend(members.properties.iter().find(|(known, _)| *known == name).map(|(_, rules)| *rules));
        let by_pattern = members.patterns.iter().filter(|(pattern, _)| pattern.matches(name));
        found.extend(by_pattern.map(|(_, rules)| *rules));
        if found.len() == before {
            found.extend(members.others);
        }
    }
    if found.is_empty() {
        // If no rule evaluates the property, these do.
        found.extend(rules.iter().filter_map(|rules| rules.unevaluated_properties));
    }
    if found.is_empty() { vec![&Rules::ANY] } else { found }
}
