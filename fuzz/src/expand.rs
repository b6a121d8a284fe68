//! Long texts from short inputs.
//!
//! A fuzzer mutates few bytes at a time, so it hardly finds texts in which something is nested or repeated fifty times.
//! An input can ask for that.

/// The byte between the parts of an input that asks for repetition. JSON and patterns have no use for it.
const MARK: u8 = 1;

/// Returns the text that an input stands for. An input of five parts, `before`, `open`, `core`, `close` and `after`,
/// that begins with a count has `open` and `close` repeated; any other input is the text.
pub(crate) fn expand(input: &[u8]) -> Option<String> {
    let parts: Vec<&[u8]> = input.split(|byte| *byte == MARK).collect();
    let [[count], before, open, core, close, after] = parts[..] else {
        return std::str::from_utf8(input).ok().map(str::to_owned);
    };
    let count = usize::from(*count);
    let bytes = [before, &open.repeat(count), core, &close.repeat(count), after].concat();
    String::from_utf8(bytes).ok().filter(|text| text.len() <= crate::MAX_INPUT)
}
