//! Message ids and cursors: their text and their order.

use fanfare::MessageId;
use fanfare::wire::Cursor;

use super::lines;

pub(crate) fn check(input: &[u8]) {
    let Some([cursor, first, second]) = lines(input) else { return };
    if let Ok(cursor) = cursor.parse::<Cursor>() {
        check_text(cursor);
        if let Ok(id) = first.parse::<MessageId>() {
            check_text(cursor.after(id));
        }
    }
    if let (Ok(a), Ok(b)) = (first.parse::<MessageId>(), second.parse::<MessageId>()) {
        assert_eq!((a.to_string(), b.to_string()), (first.to_owned(), second.to_owned()));
        assert_eq!(a.cmp(&b), first.cmp(second), "ids and their texts compare differently");
    }
}

fn check_text(cursor: Cursor) {
    let text = cursor.to_string();
    assert_eq!(text.parse(), Ok(cursor), "{text}");
}
