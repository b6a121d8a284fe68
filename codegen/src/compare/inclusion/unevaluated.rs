//! Finds the schemas that evaluate the items and properties of a value: `unevaluatedItems`, `unevaluatedProperties`.

use super::cases::{Case, Facts, Violation};
use super::{Claim, Kind, Solver};
use crate::compare::graph::{Condition, NodeId};

/// The maximum number of alternatives that are decided because they may evaluate something.
const MAX_DECIDED: usize = 6;

impl Solver<'_> {
    /// Decides which alternatives hold if what is unevaluated depends on them.
    pub(super) fn decide_evaluation(&self, case: &mut Case) {
        let violated = case.violations.iter().filter_map(|violation| match violation {
            Violation::UnevaluatedItem(id) | Violation::UnevaluatedProperty(id) => Some(*id),
            _ => None,
        });
        let is_affected = |id: &NodeId| match case.kind {
            Kind::Array => self.graph[*id].unevaluated_items.is_some(),
            Kind::Object => self.graph[*id].unevaluated_properties.is_some(),
            _ => false,
        };
        let roots = case.nodes.iter().copied().filter(is_affected).chain(violated);
        let roots: Vec<NodeId> = roots.filter(|id| !case.decided.contains(id)).collect();
        for root in roots {
            case.decided.push(root);
            let mut alternatives = Vec::new();
            for id in self.evaluating(root, case, false) {
                let node = &self.graph[id];
                let listed = node.any_of.iter().chain(&node.one_of).copied();
                alternatives.extend(listed.chain(node.condition.map(|condition| condition.test)));
            }
            alternatives.sort_unstable();
            alternatives.dedup();
            if alternatives.len() <= MAX_DECIDED {
                for id in alternatives {
                    case.choose(vec![Facts::claims([Claim::holds(id)]), Facts::claims([Claim::fails(id)])]);
                }
            }
        }
    }

    /// Returns the schemas for the same value that may evaluate parts of it, or those that do if `is_certain`.
    pub(super) fn evaluating(&self, root: NodeId, case: &Case, is_certain: bool) -> Vec<NodeId> {
        let (mut found, mut pending) = (Vec::new(), vec![root]);
        while let Some(id) = pending.pop() {
            if found.contains(&id) {
                continue;
            }
            found.push(id);
            let node = &self.graph[id];
            pending.extend(&node.all_of);
            let knows = |claim: Claim| case.claims.contains(&claim);
            let applies = |id: &NodeId| {
                if is_certain { knows(Claim::holds(*id)) } else { !knows(Claim::fails(*id)) }
            };
            pending.extend(node.any_of.iter().chain(&node.one_of).filter(|id| applies(id)));
            if let Some(Condition { test, then, otherwise }) = node.condition {
                if applies(&test) {
                    pending.extend([test, then]);
                }
                let fails = knows(Claim::fails(test));
                if fails || !is_certain && !knows(Claim::holds(test)) {
                    pending.push(otherwise);
                }
            }
            let dependent = node.object.dependent_schemas.iter().filter(|(trigger, _)| {
                if is_certain { case.present.contains(trigger) } else { !case.absent.contains(trigger) }
            });
            pending.extend(dependent.map(|(_, id)| *id));
        }
        found
    }
}
