//! Summarises a text by choosing its most important sentences.
//!
//! A summary consists of sentences of the text, in the order of the text. A sentence has a high score if
//! it contains words that are frequent in the text, and a slightly higher one if it is near the start.

use crate::text::words;
use std::collections::{BTreeMap, BTreeSet};

/// Sentences with fewer or more words rarely make sense on their own.
const FEWEST_WORDS: usize = 5;
const MOST_WORDS: usize = 45;
const FEWEST_LETTERS: usize = 4;

/// Long words that are never keywords. Short words are excluded by their length.
const EMPTY_WORDS: &str = "about above after again against also although always among another anything because been \
     before being below between both cannot could does doing done down during each either else even ever every \
     everything from further gets given gives have having here hers herself himself however into itself just \
     know less like made make makes many might more most much must myself neither never next none nothing once \
     only onto other others otherwise ours over rather same says several shall should since some something still \
     such than that their theirs them themselves then there therefore these they thing things this those though \
     through thus together under unless until upon used uses using very were what whatever when whenever where \
     whether which whichever while whom whose will with within without would your yours yourself";

/// A word that characterises a text.
#[derive(Debug, PartialEq)]
pub(crate) struct Keyword {
    pub(crate) word: String,
    /// The number of sentences that contain it.
    pub(crate) occurrences: u32,
}

/// Returns the words that occur in the most sentences, the most frequent first.
pub(crate) fn keywords(sentences: &[String], how_many: usize) -> Vec<Keyword> {
    let mut keywords: Vec<_> =
        frequencies(sentences).into_iter().map(|(word, occurrences)| Keyword { word, occurrences }).collect();
    keywords.sort_by(|a, b| b.occurrences.cmp(&a.occurrences).then_with(|| a.word.cmp(&b.word)));
    keywords.truncate(how_many);
    keywords
}

/// Returns the score of each sentence, from 0 to 1. The most important sentence has 1.
pub(crate) fn score(sentences: &[String]) -> Vec<f64> {
    let frequencies = frequencies(sentences);
    let count = number(sentences.len().max(1));
    let weigh = |position: usize, sentence: &String| {
        let weight = meaningful_words(sentence)
            .iter()
            .map(|word| f64::from(frequencies[word]))
            // A word that occurs in all sentences does not distinguish them.
            .fold(0.0, |sum, frequency| sum + frequency * (1.0 + count / frequency).ln());
        let length = number(words(sentence).count().max(1));
        let earliness = 1.0 - number(position) / count;
        weight / length.powf(0.7) * (1.0 + 0.5 * earliness)
    };
    let weights: Vec<f64> = sentences.iter().enumerate().map(|(at, sentence)| weigh(at, sentence)).collect();
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    weights.into_iter().map(|weight| if heaviest > 0.0 { weight / heaviest } else { 0.0 }).collect()
}

/// Returns the positions of the sentences of the summary, in the order of the text. A sentence similar to
/// one that is already chosen has a lower score.
pub(crate) fn choose(sentences: &[String], scores: &[f64], how_many: usize) -> Vec<usize> {
    let mut candidates: Vec<usize> =
        (0..sentences.len()).filter(|&at| stands_alone(&sentences[at])).collect();
    if candidates.is_empty() {
        candidates = (0..sentences.len()).collect();
    }
    let mut chosen = Vec::new();
    let mut covered = BTreeSet::new();
    while chosen.len() < how_many {
        let value = |at: usize| scores[at] * novelty(&sentences[at], &covered);
        // Of sentences with the same score, the earlier one wins.
        let Some(&best) = candidates.iter().rev().max_by(|&&a, &&b| value(a).total_cmp(&value(b))) else {
            break;
        };
        candidates.retain(|&at| at != best);
        covered.extend(meaningful_words(&sentences[best]));
        chosen.push(best);
    }
    chosen.sort_unstable();
    chosen
}

/// Returns the number of sentences in the summary of a text with `sentences` sentences.
pub(crate) fn fitting_length(sentences: usize) -> usize {
    (sentences / 10).clamp(4, 8).min(sentences)
}

/// Joins the chosen sentences. Very long sentences are truncated and end with an ellipsis.
pub(crate) fn write(sentences: &[String], chosen: &[usize]) -> String {
    let cut = |sentence: &String| {
        let words: Vec<&str> = sentence.split(' ').collect();
        if words.len() <= MOST_WORDS { sentence.clone() } else { words[..MOST_WORDS].join(" ") + " …" }
    };
    chosen.iter().map(|&at| cut(&sentences[at])).collect::<Vec<_>>().join(" ")
}

/// Splits a text into chunks of one word. Joined, they are the text.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

/// Returns whether a sentence is complete, and not a fragment, a line of code or a long list.
fn stands_alone(sentence: &str) -> bool {
    let first = sentence.trim_start_matches(['"', '“', '(']).chars().next().unwrap_or(' ');
    let begins_well = first.is_alphabetic() && !first.is_lowercase();
    let ends_well = sentence.ends_with(['.', '!', '?', '。', '！', '？']);
    let is_prose = !sentence.contains(['{', '}', '<', '>', '→', '=']);
    begins_well && ends_well && is_prose && (FEWEST_WORDS..=MOST_WORDS).contains(&words(sentence).count())
}

fn novelty(sentence: &str, covered: &BTreeSet<String>) -> f64 {
    let words = meaningful_words(sentence);
    let known = words.intersection(covered).count();
    1.0 - number(known) / number(words.len().max(1))
}

/// Converts a count to a float. Counts above four billion are treated as four billion.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Returns the number of sentences that contain each meaningful word.
fn frequencies(sentences: &[String]) -> BTreeMap<String, u32> {
    let mut frequencies = BTreeMap::new();
    for word in sentences.iter().flat_map(|sentence| meaningful_words(sentence)) {
        *frequencies.entry(word).or_insert(0) += 1;
    }
    frequencies
}

fn meaningful_words(sentence: &str) -> BTreeSet<String> {
    words(sentence)
        .map(str::to_lowercase)
        .filter(|word| word.chars().count() >= FEWEST_LETTERS && word.chars().any(char::is_alphabetic))
        .filter(|word| !EMPTY_WORDS.split(' ').any(|empty| empty == word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    fn sentences_of(text: &str) -> Vec<String> {
        Text::read(text).sentences
    }

    #[test]
    fn keywords_are_the_words_that_occur_in_most_sentences() {
        let sentences =
            sentences_of("Trains are fast. Trains and planes travel. Planes and trains would differ.");
        let keywords = keywords(&sentences, 2);
        assert_eq!(keywords[0], Keyword { word: "trains".into(), occurrences: 3 });
        assert_eq!(keywords[1], Keyword { word: "planes".into(), occurrences: 2 });
    }

    #[test]
    fn scores_are_from_zero_to_one_and_the_highest_is_one() {
        let sentences =
            sentences_of("Trains carry people. Trains carry freight and people. It is so. Cheese is yellow.");
        let scores = score(&sentences);
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
        assert!((scores[0] - 1.0).abs() < f64::EPSILON, "{scores:?}");
        assert!(scores[2] < scores[3] && scores[3] < scores[1], "{scores:?}");
    }

    #[test]
    fn sentences_without_meaningful_words_score_zero() {
        assert_eq!(score(&["It is.".into(), "So it is.".into()]), [0.0, 0.0]);
    }

    #[test]
    fn the_chosen_sentences_keep_the_order_of_the_text() {
        let sentences: Vec<String> =
            (0..4).map(|n| format!("Sentence number {n} has different{n} words{n}.")).collect();
        assert_eq!(choose(&sentences, &[0.2, 0.9, 0.1, 1.0], 2), [1, 3]);
    }

    #[test]
    fn similar_sentences_are_not_both_chosen() {
        let sentences = [
            "Trains carry heavy freight across mountains.".to_owned(),
            "Across mountains trains carry heavy freight.".to_owned(),
            "Cheese tastes best with fresh bread today.".to_owned(),
        ];
        assert_eq!(choose(&sentences, &[1.0, 0.9, 0.2], 2), [0, 2]);
    }

    #[test]
    fn a_text_of_fragments_still_gets_a_summary() {
        let sentences = ["one".to_owned(), "two".to_owned()];
        assert_eq!(choose(&sentences, &[1.0, 0.5], fitting_length(2)), [0, 1]);
    }

    #[test]
    fn the_joined_chunks_are_the_summary() {
        let sentences = ["First of all.".to_owned(), "word ".repeat(100).trim_end().to_owned()];
        let summary = write(&sentences, &[0, 1]);
        assert!(summary.starts_with("First of all. word word"), "{summary}");
        assert!(summary.ends_with(" word …"), "{summary}");
        assert_eq!(pieces(&summary).concat(), summary);
    }
}
