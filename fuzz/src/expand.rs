//! Long texts from short inputs.
//!
//! A fuzzer mutates few bytes at a time, so it rarely finds text with deep nesting or many repetitions. So an input can
//! ask for those.

/// Separates the parts of an input that asks for repetition. JSON and patterns do not need this byte.
const MARK: u8 = 1;

/// Returns the text that an input describes. If it has a count and five parts, `before`, `open`, `core`, `close` and
/// `after`, then `open` and `close` are repeated. Any other input is itself the text.
pub(crate) fn expand(input: &[u8]) -> Option<String> {
    let parts: Vec<&[u8]> = input.split(|byte| *byte == MARK).collect();
    let [[count], before, open, core, close, after] = parts[..] else {
        return std::str::from_utf8(input).ok().map(str::to_owned);
    };
    let count = usize::from(*count);
    let bytes = [before, &open.repeat(count), core, &close.repeat(count), after].concat();
    String::from_utf8(bytes).ok().filter(|text| text.len() <= crate::MAX_INPUT)
}
